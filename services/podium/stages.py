"""READ FIRST: the stage contracts.

A pipeline is one short async function over these five protocols (``pipelines/run.py``):

    batch      = await stages.decode.decode(media, range, stride, letterbox)
    detections = await stages.detection.detect(model, batch.images)
    crops      = await stages.decode.crop(batch.frames, frame_index, rois, spec)
    poses      = await stages.pose2d.estimate(model, crops.images)      # or stages.pose3d
    outputs    = await stages.postprocess.postprocess(source, output, options, results=...)

``podium.serving.calling.remote`` implements them over the Open Inference Protocol, and
``podium.local.in_process`` in one process. Stages never call each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from podium.types import (
    Crops,
    CropSpec,
    Detections,
    Float32,
    FrameBatch,
    FrameHandle,
    FrameRange,
    Int64,
    Letterbox,
    Media,
    ModelFacts,
    Poses2D,
    Poses3D,
    UInt8,
)


class Decode(Protocol):
    """Media bytes to frames; keeps the frames and cuts crops out of them."""

    async def decode(
        self, media: Media, frames: FrameRange, *, stride: int, letterbox: Letterbox | None
    ) -> FrameBatch:
        """Decode a range and letterbox every ``stride``-th frame of it (and the last one).

        Raises:
            InvalidInput: the media or the range is bad (415, 413, 422 or 400).
            Forbidden: the ``uri`` is outside the allow-list.
        """
        ...

    async def crop(
        self,
        frames: FrameHandle,
        frame_index: Int64,  # (M,)
        rois: Float32,  # (M, 5) cx, cy, w, h in frame pixels, rotation in radians
        spec: CropSpec,
        *,
        release: bool = False,
    ) -> Crops:
        """Cut M rotated regions out of kept frames; ``release`` says that they were the last.

        Raises:
            FramesGone: the replica no longer holds the frames; decode again.
        """
        ...


class Detection(Protocol):
    """Letterboxed images to person boxes."""

    async def describe(self, model: str) -> ModelFacts:
        """Say which letterbox the model wants. Raises NotFound."""
        ...

    async def detect(self, model: str, images: UInt8) -> Detections:
        """Find persons on ``images`` (D, S, S, 3)."""
        ...


class Pose2D(Protocol):
    """Crops to 2D key points."""

    async def describe(self, model: str) -> ModelFacts:
        """Say which crop and skeleton the model has. Raises NotFound."""
        ...

    async def estimate(self, model: str, images: UInt8) -> Poses2D:
        """Estimate the pose in each of ``images`` (M, H, W, 3)."""
        ...


class Pose3D(Protocol):
    """Crops to 3D key points."""

    async def describe(self, model: str) -> ModelFacts:
        """Say which crop and skeleton the model has. Raises NotFound."""
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


class Postprocess(Protocol):
    """The frame results of a whole video to files."""

    async def postprocess(
        self,
        source: str,
        output: str,
        options: dict[str, Any],
        *,
        results: str | None = None,
        results_uri: str | None = None,
    ) -> dict[str, Any]:
        """Write CSV, biomechanics, overlays and the report; return what was written.

        Args:
            source: ``uri`` of the video.
            output: ``uri`` of the folder to write to.
            options: see ``podium.postprocess``.
            results: The frame results as JSON; or else
            results_uri: where they are.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The five stages that a pipeline is composed of."""

    decode: Decode
    detection: Detection
    pose2d: Pose2D
    pose3d: Pose3D
    postprocess: Postprocess
