"""``python -m podium.api``: run the api."""

from podium.api.app import create_app
from podium.api.settings import ApiSettings
from podium.serving.server import serve

if __name__ == "__main__":
    serve("api", create_app, ApiSettings)
