"""Settings of the postprocess service."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from podium.containment.settings import CodecsSettings
from podium.serving.http.settings import ServiceSettings
from podium.storage.settings import ObjectStoreSettings


class PostprocessSettings(ServiceSettings):
    """Read from ``PODIUM_POSTPROCESS_<FIELD>`` in the environment."""

    service: ClassVar[str] = "postprocess"

    port: int = Field(default=8005, ge=0, le=65535)
    """Port to listen on."""

    workers: int = Field(default=1, ge=1, le=64)
    """Videos that are worked on at the same time; others wait."""

    max_frames: int = Field(default=216_000, ge=1)
    """Most frames that the results of one video may span; two hours at 30 frames/s. All athletes
    that are analysed may be seen on as many together, and all persons on four times as many."""

    max_pixels: int = Field(default=40_000_000, ge=1)
    """Largest frames that overlays are drawn on."""

    codecs: CodecsSettings = Field(default_factory=CodecsSettings)
    """Where media are decoded."""

    objects: ObjectStoreSettings = Field(default_factory=ObjectStoreSettings)
    """Where sources and results may be read and files may be written."""
