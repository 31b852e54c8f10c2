"""The parameters of the two decode calls, checked."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from podium.types import Anchor, Border, CropSpec, FrameRange, Letterbox

_MOST_FRAMES = 1 << 40

Pixels = Annotated[int, Field(ge=1, le=4096)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DecodeParameters(_Parameters):
    """Which frames, and what the detector wants to see of them."""

    start: int = Field(default=0, ge=0, le=_MOST_FRAMES)
    """Ordinal of the first frame."""
    count: int | None = Field(default=None, ge=1, le=_MOST_FRAMES)
    """Most frames to answer; fewer where the source or the limits end."""
    step: int = Field(default=1, ge=1, le=_MOST_FRAMES)
    """Distance between the frames."""
    capture_fps: float | None = Field(default=None, gt=0, le=100_000)
    """Frames per second when it was filmed, of slow motion; left out: as its metadata say."""
    stride: int = Field(default=1, ge=1, le=_MOST_FRAMES)
    """Every which of these frames gets a detector image; the last one always does."""
    letterbox: int = Field(default=0, ge=0, le=4096)
    """Size of the detector images in pixels; 0: none."""
    letterbox_anchor: Anchor = "center"
    """Where the frame lies in them."""
    letterbox_fill: int = Field(default=0, ge=0, le=255)
    """Grey level of the rest."""

    @property
    def frames(self) -> FrameRange:
        """The range."""
        return FrameRange(self.start, self.count, self.step)

    @property
    def spec(self) -> Letterbox | None:
        """The detector images."""
        if not self.letterbox:
            return None
        return Letterbox(self.letterbox, self.letterbox_anchor, self.letterbox_fill)


class CropParameters(_Parameters):
    """Out of which frames crops are cut, and how."""

    handle: str
    """From the answer to ``decode``."""
    height: Pixels
    """Of the crops."""
    width: Pixels
    """Of the crops."""
    border: Border = "constant"
    """What lies beyond the edge of the frame: black, or its last pixels."""
    release: bool = False
    """Whether the frames are not needed after this call."""

    @property
    def spec(self) -> CropSpec:
        """The shape of the crops."""
        return CropSpec(self.height, self.width, self.border)
