"""The settings of the services as they are on this machine."""

from __future__ import annotations

from podium.decode.settings import DecodeSettings
from podium.environment import Settings
from podium.gateway.settings import GatewaySettings
from podium.postprocess.settings import PostprocessSettings
from podium.serving.hosting.model_service import MODEL_SERVICES, model_settings

SERVICES = ("gateway", "decode", "detection", "pose2d", "pose3d", "postprocess")
JOB_SERVICES = ("api", "jobs")
"""The api of jobs, and a controller."""


def settings_of(service: str) -> type[Settings]:
    """The settings of one of the services."""
    if service in JOB_SERVICES:  # with a database behind them, which nothing else needs
        from podium.api.settings import ApiSettings
        from podium.jobs.settings import JobsSettings

        return ApiSettings if service == "api" else JobsSettings
    own: dict[str, type[Settings]] = {
        "gateway": GatewaySettings,
        "decode": DecodeSettings,
        "postprocess": PostprocessSettings,
        **{task: model_settings(task) for task in MODEL_SERVICES},
    }
    return own[service]
