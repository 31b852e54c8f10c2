"""Settings of the decode service."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from podium.containment.settings import CodecsSettings
from podium.decode.frames import Limits
from podium.serving.http.settings import ServiceSettings
from podium.storage.settings import ObjectStoreSettings


class DecodeSettings(ServiceSettings):
    """Read from ``PODIUM_DECODE_<FIELD>`` in the environment."""

    service: ClassVar[str] = "decode"

    port: int = Field(default=8001, ge=0, le=65535)
    """Port to listen on."""

    address: str = ""
    """Base URL under which callers reach this very replica, for crops out of the frames it keeps;
    empty: the loopback address and the port."""

    workers: int = Field(default=2, ge=1, le=64)
    """Requests that are decoded, and as many that are cropped, at the same time; others wait."""

    threads: int = Field(default=1, ge=1, le=64)
    """Processor threads of the codec per request."""

    max_media_bytes: int = Field(default=64 << 20, ge=1)
    """Largest media sent in a request, and largest picture."""

    max_pixels: int = Field(default=40_000_000, ge=1)
    """Largest frames: 8K video has 33 million pixels."""

    max_duration_s: float = Field(default=7200, gt=0)
    """Longest video that ranges are decoded from."""

    max_frames: int = Field(default=512, ge=1)
    """Most frames that one request gets; a longer range ends there."""

    max_batch_bytes: int = Field(default=256 << 20, ge=1)
    """Most bytes of decoded frames that one request gets; a longer range ends there. A 1280x720
    frame has 1.4 million as most video stores it (4:2:0), and 2.8 million in RGB."""

    max_images_bytes: int = Field(default=256 << 20, ge=1)
    """Most bytes of letterboxed images or of crops in one answer."""

    store_bytes: int = Field(default=256 << 20, ge=1)
    """Bytes of decoded frames kept for crops; beyond, decoding waits until some are let go."""

    store_ttl_s: float = Field(default=10, gt=0)
    """How long the frames of a request are kept after their last use."""

    open_videos_bytes: int = Field(default=256 << 20, ge=0)
    """Memory, by estimate, for video decoders that are kept open, so that a range of frames goes on
    where the one before it ended, 100 million a 4K video; 0: every range begins at a key frame."""

    codecs: CodecsSettings = Field(default_factory=CodecsSettings)
    """Where media are decoded."""

    objects: ObjectStoreSettings = Field(default_factory=ObjectStoreSettings)
    """Where media named by ``uri`` may be read."""

    @model_validator(mode="after")
    def _one_batch_fits(self) -> Self:
        if self.store_bytes < self.max_batch_bytes:
            raise ValueError("STORE_BYTES must be at least MAX_BATCH_BYTES")
        return self

    @property
    def limits(self) -> Limits:
        """The limits of one request."""
        return Limits(self.max_pixels, self.max_frames, self.max_batch_bytes)
