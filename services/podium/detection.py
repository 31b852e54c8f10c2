"""The detection service: letterboxed images in, person boxes out."""

from podium.serving.hosting.model_service import serve_models

if __name__ == "__main__":
    serve_models("detection")
