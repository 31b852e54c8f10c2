"""The settings of the services as they are on this machine."""

from __future__ import annotations

from podium.decode.settings import DecodeSettings
from podium.gateway.settings import GatewaySettings
from podium.postprocess.settings import PostprocessSettings
from podium.serving.hosting.model_service import MODEL_SERVICES, model_settings
from podium.serving.http.settings import ServiceSettings

SERVICES = ("gateway", "decode", "detection", "pose2d", "pose3d", "postprocess")


def settings_of(service: str) -> type[ServiceSettings]:
    """The settings of one of the services."""
    own: dict[str, type[ServiceSettings]] = {
        "gateway": GatewaySettings,
        "decode": DecodeSettings,
        "postprocess": PostprocessSettings,
        **{task: model_settings(task) for task in MODEL_SERVICES},
    }
    return own[service]
