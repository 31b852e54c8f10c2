"""The detection stage: letterboxed images to person boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import Field

from podium.stages.contract import Call, ModelServer, Tensor
from podium.stages.models import ModelClient, ModelFacts
from podium.types import Anchor, Detections, Letterbox, UInt8


@dataclass(frozen=True, slots=True)
class DetectorFacts(ModelFacts):
    """The letterbox that a detector needs."""

    letterbox_size: Annotated[int, Field(ge=1, le=4096)]
    """Side of the square image in pixels."""
    letterbox_anchor: Anchor
    """Place of the frame in it."""
    letterbox_fill: Annotated[int, Field(ge=0, le=255)]
    """Grey level of the border."""

    @property
    def letterbox(self) -> Letterbox:
        """The three as one record."""
        return Letterbox(self.letterbox_size, self.letterbox_anchor, self.letterbox_fill)


class Detection(Protocol):
    """Letterboxed images to person boxes."""

    async def describe(self, model: str) -> DetectorFacts:
        """The letterbox that the model needs. Raises NotFound."""
        ...

    async def detect(self, model: str, images: UInt8) -> Detections:
        """Find persons on ``images`` (D, S, S, 3)."""
        ...


DETECT = Call(
    "detection",
    inputs=(Tensor("images", "UINT8[D,S,S,3]"),),
    outputs=(
        Tensor("boxes", "FP32[K,4]"),
        Tensor("scores", "FP32[K]"),
        Tensor("image_index", "INT64[K]", is_row_index=True),
        Tensor("rois", "FP32[K,5]", by_model=True),
    ),
)


class DetectionClient(ModelClient[DetectorFacts]):
    """``Detection`` by calls of a server; the server end is an adapter of ``podium.models``."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__(server, DETECT, DetectorFacts)

    async def detect(self, model: str, images: UInt8) -> Detections:
        """Call the model."""
        return Detections(**await self.infer(model, {"images": images}))
