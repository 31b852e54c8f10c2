"""Merges the frame results of one video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from podium.biomechanics.persons.trajectories import Tracklet
from podium.biomechanics.signals.camera_motion import CameraMotion, camera_motion
from podium.biomechanics.signals.timeline import Timeline, timeline
from podium.errors import InvalidInput, TooLarge
from podium.postprocess.batches import Batch, batch_of
from podium.schemas.results import PipelineResult
from podium.skeletons import Skeleton

MAX_PERSONS = 4
"""On a frame of the longest clip, on average; shorter clips may have more."""


@dataclass(frozen=True, slots=True)
class Clip:
    """All batches of one video as one."""

    result: PipelineResult  # of the first batch, for the facts of the clip; without frames
    skeleton: Skeleton
    frames: Timeline
    status: Counter[str]  # frame status -> number of frames, each frame counted once
    degraded: tuple[str, ...]
    tracklets: tuple[Tracklet, ...]
    camera: CameraMotion | None  # None: no background was seen


def merge(results: Iterable[Batch | PipelineResult], *, max_frames: int) -> Clip:
    """Sort the batches and check that they belong together.

    Args:
        results: Batches of one video in any order; they may overlap or have gaps.
        max_frames: Largest number of frames of the clip.

    Raises:
        InvalidInput: no results, different skeletons or sources, or malformed key points.
        TooLarge: too many frames, or persons on them.
    """
    batches = [r if isinstance(r, Batch) else batch_of(r, r.frames) for r in results]
    if not batches:
        raise InvalidInput("is empty; give at least one result of a pipeline", field="results")
    batches.sort(key=_extent)
    seen = sum(len(tracklet.frame_index) for batch in batches for tracklet in batch.tracklets)
    if seen > MAX_PERSONS * max_frames:
        raise TooLarge(
            f"has {seen} persons on all frames together; the limit is {MAX_PERSONS * max_frames}",
            field="results",
        )
    first = batches[0]
    for other in batches[1:]:
        if other.skeleton != first.skeleton:
            raise InvalidInput(
                f"mixes the skeletons {first.skeleton.name} and {other.skeleton.name}",
                field="results",
            )
        if _frame_size(other) != _frame_size(first):
            raise InvalidInput("mixes sources of different frame sizes", field="results")
    best: dict[int, str] = {}
    for batch in batches:
        for index, status in zip(batch.frame_index.tolist(), batch.status, strict=True):
            if best.get(index) != "ok":
                best[index] = status
    return Clip(
        result=first.result,
        skeleton=first.skeleton,
        frames=timeline(
            np.concatenate([batch.frame_index for batch in batches]),
            np.concatenate([batch.time_s for batch in batches]),
            max_frames=max_frames,
        ),
        status=Counter(best.values()),
        degraded=tuple(dict.fromkeys(note for b in batches for note in b.result.degraded)),
        tracklets=tuple(
            replace(tracklet, batch=number)
            for number, batch in enumerate(batches)
            for tracklet in batch.tracklets
        ),
        camera=camera_motion([batch.background for batch in batches], _frame_size(first)),
    )


def _extent(batch: Batch) -> tuple[int, int]:
    index = batch.frame_index
    return (int(index.min()), int(index.max())) if len(index) else (-1, -1)


def _frame_size(batch: Batch) -> tuple[int, int]:
    return batch.result.source.width, batch.result.source.height
