"""The inputs of a model for some videos and pictures, as in the services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from podium.errors import InvalidInput, Unprocessable
from podium.local.in_process import local_stages
from podium.models.facts import detector_facts
from podium.models.repository import StoredModel
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import Pipeline, PipelineRequest
from podium.stages import Decode, Pose2D, Pose3D
from podium.stages.pose import PoseFacts, pose3d_inputs
from podium.types import Float32, FrameRange, Media, UInt8
from podium.wire import Tensors

_SUFFIXES = {".jpg", ".jpeg", ".png", ".mp4", ".mov", ".mkv", ".avi", ".webm"}
_CHUNK_FRAMES = 32


def media_files(path: Path) -> list[Path]:
    """A file, or all videos and pictures of a folder. Raises InvalidInput if there are none."""
    files = [path] if path.is_file() else sorted(path.iterdir())
    found = [file for file in files if file.suffix.lower() in _SUFFIXES]
    if not found:
        kinds = ", ".join(sorted(_SUFFIXES))
        raise InvalidInput(f"{path} holds no video or picture ({kinds})", field="--frames")
    return found


async def inputs_of(
    model: StoredModel,
    repository: Path,
    files: Sequence[Path],
    *,
    detector: str | None,
    every: int,
    limit: int,
) -> Tensors:
    """The inputs of a model for at most ``limit`` images or persons.

    Args:
        model: A detector gets the letterboxed frames, a pose model the crops of all persons.
        repository: Repository of the model and the detector.
        files: Videos and pictures.
        detector: Detector for a pose model, ``name`` or ``name@version``.
        every: Take every Nth frame.
        limit: Largest number of rows.

    Raises:
        Unprocessable: a file does not decode, or the frames show no person.
    """
    folders = sorted({file.absolute().parent for file in files})
    with local_stages(repository, folders) as stages:
        batches: list[Tensors] = []
        for file in files:
            media = Media(uri=file.absolute().as_uri())
            left = limit - _rows(batches)
            if left > 0 and "detection" in model.manifest.tasks:
                batches += await _letterboxed(model, stages.decode, media, every, left)
            elif left > 0:
                stage = model.manifest.tasks[-1]
                recorded = _RecordedPoses(getattr(stages, stage), left)
                in_3d = stage == "pose3d"
                run = PipelineRun(
                    replace(stages, pose3d=recorded) if in_3d else replace(stages, pose2d=recorded),
                    _pipeline(model, stage, str(detector)),
                    media,
                    PipelineRequest(step=every, count=every * left, stride=1),
                    PipelineLimits(),
                )
                await run.answer()
                batches += recorded.calls
    if not _rows(batches):
        raise Unprocessable("shows no person that the detector finds", field="--frames")
    return {name: np.concatenate([batch[name] for batch in batches])[:limit] for name in batches[0]}


async def _letterboxed(
    model: StoredModel, decode: Decode, media: Media, every: int, limit: int
) -> list[Tensors]:
    letterbox = detector_facts(model.manifest).letterbox
    found: list[Tensors] = []
    start = 0
    while _rows(found) < limit:
        frames = FrameRange(start, min(_CHUNK_FRAMES, limit - _rows(found)), every)
        batch = await decode.decode(media, frames, stride=1, letterbox=letterbox)
        decode.release(batch.frames)
        found.append({"images": batch.images})
        start = int(batch.frame_index[-1]) + every
        if start >= batch.source.frame_count:
            break
    return found


def _pipeline(model: StoredModel, stage: str, detector: str) -> Pipeline:
    return Pipeline.model_validate(
        {
            "metadata": {"name": "quantize"},
            "spec": {
                "detection": {"model": detector, "stride": 1},
                "pose": {"stage": stage, "model": model.reference},
            },
        }
    )


class _RecordedPoses:
    """A pose stage that records its inputs."""

    def __init__(self, stage: Pose2D | Pose3D, limit: int) -> None:
        self._stage: Any = stage  # the two have different arguments and results
        self._limit = limit
        self.calls: list[Tensors] = []

    async def describe(self, model: str) -> PoseFacts:
        facts: PoseFacts = await self._stage.describe(model)
        return facts

    async def estimate(
        self,
        model: str,
        images: UInt8,
        boxes: Float32 | None = None,
        intrinsics: Float32 | None = None,
    ) -> Any:
        inputs = pose3d_inputs(images, boxes, intrinsics)
        if _rows(self.calls) < self._limit:
            self.calls.append(inputs)
        if boxes is None:
            return await self._stage.estimate(model, images)
        return await self._stage.estimate(model, images, boxes, intrinsics)


def _rows(batches: Sequence[Tensors]) -> int:
    return sum(len(batch["images"]) for batch in batches)
