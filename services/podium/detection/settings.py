"""Settings of the detection service."""

from __future__ import annotations

from pydantic import Field

from podium.serving.hosting.model_service import ModelServiceSettings


class DetectionSettings(ModelServiceSettings):
    """Read from ``PODIUM_<FIELD>`` in the environment."""

    port: int = Field(default=8002, ge=0, le=65535)
    """Port to listen on."""
