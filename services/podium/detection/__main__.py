"""``python -m podium.detection``: run the detection service."""

from podium.detection.app import create_app
from podium.detection.settings import DetectionSettings
from podium.serving.server import serve

if __name__ == "__main__":
    serve("detection", create_app, DetectionSettings)
