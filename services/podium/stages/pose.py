"""The two pose stages: person crops to 2D key points, or to 3D ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from podium.skeletons import SKELETONS
from podium.stages.contract import Call, ModelServer, Tensor
from podium.stages.models import ModelClient, ModelFacts
from podium.types import Border, CropSpec, Float32, Poses2D, Poses3D, UInt8


def _known(name: str) -> str:
    if name not in SKELETONS:
        raise ValueError(f"{name!r} is not one of {', '.join(SKELETONS)}")
    return name


_Pixels = Annotated[int, Field(ge=1, le=4096)]
_Positive = Annotated[float, Field(gt=0, le=100)]


@dataclass(frozen=True, slots=True)
class PoseFacts(ModelFacts):
    """The crops that a pose model needs, and its key points."""

    crop_height: _Pixels
    crop_width: _Pixels
    crop_border: Border
    """Pixels beyond the edge of the frame."""
    roi_scale: _Positive
    """Size of the region over size of the person's box, if the detector gives no region."""
    roi_aspect: _Positive
    """Width over height to which the box is widened first."""
    skeleton: Annotated[str, AfterValidator(_known)]
    """Name of the key point set."""
    presence_threshold: float | None = None
    """Threshold of ``presence``; None: the model does not judge whether a crop shows a person."""
    needs_camera: bool = False
    """Whether the model needs the inputs ``boxes`` and ``intrinsics``."""

    @property
    def crop(self) -> CropSpec:
        """The shape of the crops."""
        return CropSpec(self.crop_height, self.crop_width, self.crop_border)


class Pose2D(Protocol):
    """Crops to 2D key points."""

    async def describe(self, model: str) -> PoseFacts:
        """The crop and the skeleton of the model. Raises NotFound."""
        ...

    async def estimate(self, model: str, images: UInt8) -> Poses2D:
        """Estimate the pose in each of ``images`` (M, H, W, 3)."""
        ...


class Pose3D(Protocol):
    """Crops to 3D key points."""

    async def describe(self, model: str) -> PoseFacts:
        """The crop and the skeleton of the model. Raises NotFound."""
        ...

    async def estimate(
        self,
        model: str,
        images: UInt8,  # (M, H, W, 3)
        boxes: Float32 | None = None,  # (M, 4) frame pixels, for models that need them
        intrinsics: Float32 | None = None,  # (4,) fx, fy, cx, cy in frame pixels
    ) -> Poses3D:
        """Estimate the 3D pose in each crop."""
        ...


_IMAGES = Tensor("images", "UINT8[M,H,W,3]")
_KEYPOINTS = Tensor("keypoints", "FP32[M,J,3]")
_PRESENCE = Tensor("presence", "FP32[M]", by_model=True)
_ROIS = Tensor("rois", "FP32[M,5]", by_model=True)

POSE2D = Call("pose2d", inputs=(_IMAGES,), outputs=(_KEYPOINTS, _PRESENCE, _ROIS))
POSE3D = Call(
    "pose3d",
    inputs=(
        _IMAGES,
        Tensor("boxes", "FP32[M,4]", by_model=True),
        Tensor("intrinsics", "FP32[M,4]", by_model=True),
    ),
    outputs=(
        Tensor("keypoints_3d", "FP32[M,J,3]"),
        _KEYPOINTS,
        Tensor("scores", "FP32[M,J]"),
        _PRESENCE,
        Tensor("root_depth", "FP32[M]", by_model=True),
        _ROIS,
    ),
)


class Pose2DClient(ModelClient[PoseFacts]):
    """``Pose2D`` by calls of a server; the server end is an adapter of ``podium.models``."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__(server, POSE2D, PoseFacts)

    async def estimate(self, model: str, images: UInt8) -> Poses2D:
        """Call the model."""
        return Poses2D(**await self.infer(model, {"images": images}, M=len(images)))


class Pose3DClient(ModelClient[PoseFacts]):
    """``Pose3D`` by calls of a server; the server end is an adapter of ``podium.models``."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__(server, POSE3D, PoseFacts)

    async def estimate(
        self,
        model: str,
        images: UInt8,
        boxes: Float32 | None = None,
        intrinsics: Float32 | None = None,
    ) -> Poses3D:
        """Call the model."""
        inputs = pose3d_inputs(images, boxes, intrinsics)
        return Poses3D(**await self.infer(model, inputs, M=len(images)))


def pose3d_inputs(
    images: UInt8, boxes: Float32 | None, intrinsics: Float32 | None
) -> dict[str, NDArray[Any]]:
    """The tensors of a call; intrinsics are repeated per crop, so that cameras share batches."""
    rows = None if intrinsics is None else np.tile(intrinsics, (len(images), 1))
    given = {"images": images, "boxes": boxes, "intrinsics": rows}
    return {name: array for name, array in given.items() if array is not None}
