"""``python -m podium.pose2d``: run the pose2d service."""

from podium.pose2d.app import create_app
from podium.pose2d.settings import Pose2DSettings
from podium.serving.server import serve

if __name__ == "__main__":
    serve("pose2d", create_app, Pose2DSettings)
