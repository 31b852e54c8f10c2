"""The pose2d service: person crops in, 2D key points out."""

from podium.serving.hosting.model_service import serve_models

if __name__ == "__main__":
    serve_models("pose2d")
