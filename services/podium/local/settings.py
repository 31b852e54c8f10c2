"""The settings classes of the services."""

from __future__ import annotations

from podium.decode.settings import DecodeSettings
from podium.environment import Settings
from podium.gateway.settings import GatewaySettings
from podium.postprocess.settings import PostprocessSettings
from podium.serving.hosting.model_service import MODEL_SERVICES, model_settings

SERVICES = ("gateway", "decode", "detection", "pose2d", "pose3d", "postprocess")
JOB_SERVICES = ("api", "jobs")
"""The api of jobs and the job controller."""


def settings_of(service: str) -> type[Settings]:
    """The settings class of a service."""
    if service in JOB_SERVICES:  # imported only here: the other services need no database
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
