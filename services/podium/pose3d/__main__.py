"""``python -m podium.pose3d``: run the pose3d service."""

from podium.pose3d.app import create_app
from podium.pose3d.settings import Pose3DSettings
from podium.serving.server import serve

if __name__ == "__main__":
    serve("pose3d", create_app, Pose3DSettings)
