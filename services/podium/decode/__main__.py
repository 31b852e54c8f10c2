"""``python -m podium.decode``: run the decode service."""

from podium.decode.app import create_app
from podium.decode.settings import DecodeSettings
from podium.serving.server import serve

if __name__ == "__main__":
    serve("decode", create_app, DecodeSettings)
