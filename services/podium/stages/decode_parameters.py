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
        """The parameters that are set."""
        return self.model_dump(exclude_none=True)


class DecodeParameters(_Parameters):
    """The range of frames, and the detector images to make."""

    start: int = Field(default=0, ge=0, le=_MOST_FRAMES)
    """Ordinal of the first frame."""
    count: int | None = Field(default=None, ge=1, le=_MOST_FRAMES)
    """Largest number of frames; fewer if the source ends or a limit is reached."""
    step: int = Field(default=1, ge=1, le=_MOST_FRAMES)
    """Take every Nth frame."""
    capture_fps: float | None = Field(default=None, gt=0, le=100_000)
    """Frames per second at which slow motion was filmed; left out: from the metadata."""
    stride: int = Field(default=1, ge=1, le=_MOST_FRAMES)
    """Make a detector image of every Nth of these frames, and always of the last one."""
    letterbox: int = Field(default=0, ge=0, le=4096)
    """Size of the detector images in pixels; 0: no images."""
    letterbox_anchor: Anchor = "center"
    """Place of the frame in them."""
    letterbox_fill: int = Field(default=0, ge=0, le=255)
    """Grey level of the border."""

    @classmethod
    def of(
        cls, media: Media, frames: FrameRange, stride: int, letterbox: Letterbox | None
    ) -> DecodeParameters:
        """The parameters of a call. Raises InvalidInput, as the server end would."""
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
        """The range of frames."""
        return FrameRange(self.start, self.count, self.step)

    @property
    def spec(self) -> Letterbox | None:
        """The letterbox of the detector images; None: no images."""
        if not self.letterbox:
            return None
        return Letterbox(self.letterbox, self.letterbox_anchor, self.letterbox_fill)


class CropParameters(_Parameters):
    """The frames to cut crops from, and the shape of the crops."""

    handle: str | None = None
    """Handle from the answer to ``decode``; left out where the input of this name has one for each
    row."""
    height: Pixels
    """Height of the crops."""
    width: Pixels
    """Width of the crops."""
    border: Border = "constant"
    """Pixels beyond the edge of the frame: black, or its last pixels repeated."""
    release: bool = False
    """Whether to release the frames after this call."""

    @classmethod
    def of(cls, frames: FrameHandle, spec: CropSpec, *, release: bool) -> CropParameters:
        """The parameters of a call. Raises InvalidInput, as the server end would."""
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
    """The frames to release."""

    handle: str
    """Handle from the answer to ``decode``; an unknown one is no error."""
