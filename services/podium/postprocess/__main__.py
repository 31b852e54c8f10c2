"""``python -m podium.postprocess``: run the postprocess service."""

from podium.postprocess.app import create_app
from podium.postprocess.settings import PostprocessSettings
from podium.serving.server import serve

if __name__ == "__main__":
    serve("postprocess", create_app, PostprocessSettings)
