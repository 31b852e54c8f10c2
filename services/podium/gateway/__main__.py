"""``python -m podium.gateway``: run the gateway."""

from podium.gateway.app import create_app
from podium.gateway.settings import GatewaySettings
from podium.serving.server import serve

if __name__ == "__main__":
    serve("gateway", create_app, GatewaySettings)
