"""The pose3d service: person crops in, 3D key points out."""

from podium.serving.hosting.model_service import serve_models

if __name__ == "__main__":
    serve_models("pose3d")
