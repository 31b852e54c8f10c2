"""The parameters of the calls of the decode stage."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from podium.types import Anchor, Border, CropSpec, FrameHandle, FrameRange, Letterbox, Media
from podium.wire import Parameter
from podium.wire.parameters import read_parameters

_MOST_FRAMES = 1 << 40

Pixels = Annotated[int, Field(ge=1, le=4096)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def to_wire(self) -> dict[str, Parameter]:
        """Those that are set."""
        return self.model_dump(exclude_none=True)


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
    """Every how many of these frames one gets a detector image; the last one always does."""
    letterbox: int = Field(default=0, ge=0, le=4096)
    """Size of the detector images in pixels; 0: none."""
    letterbox_anchor: Anchor = "center"
    """Where the frame lies in them."""
    letterbox_fill: int = Field(default=0, ge=0, le=255)
    """Grey level of the rest."""

    @classmethod
    def of(
        cls, media: Media, frames: FrameRange, stride: int, letterbox: Letterbox | None
    ) -> DecodeParameters:
        """Those of a call. Raises InvalidInput, as the server end would."""
        values: dict[str, Any] = {
            "start": frames.start,
            "count": frames.count,
            "step": frames.step,
            "capture_fps": media.capture_fps,
            "stride": stride,
        }
        if letterbox is not None:
            values |= {
                "letterbox": letterbox.size,
                "letterbox_anchor": letterbox.anchor,
                "letterbox_fill": letterbox.fill,
            }
        return read_parameters(cls, values, reserved=False)

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

    @classmethod
    def of(cls, frames: FrameHandle, spec: CropSpec, *, release: bool) -> CropParameters:
        """Those of a call. Raises InvalidInput, as the server end would."""
        values = {
            "handle": frames.handle,
            "height": spec.height,
            "width": spec.width,
            "border": spec.border,
            "release": release,
        }
        return read_parameters(cls, values, reserved=False)

    @property
    def spec(self) -> CropSpec:
        """The shape of the crops."""
        return CropSpec(self.height, self.width, self.border)


class ReleaseParameters(_Parameters):
    """Which frames are not needed any more."""

    handle: str
    """From the answer to ``decode``; one that is not known is no mistake."""
