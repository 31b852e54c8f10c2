"""One request, from media to poses: read ``PipelineRun`` from top to bottom."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from podium.errors import FramesGone, TooLarge
from podium.gateway.answer import Answer
from podium.gateway.athletes import choose_athletes
from podium.gateway.models import Models, describe
from podium.gateway.persons import Persons, in_frame_pixels
from podium.gateway.search import find_persons
from podium.gateway.spec import Pipeline, PipelineRequest
from podium.results import FrameStatus
from podium.stages import Stages
from podium.types import FrameBatch, FrameRange, Media, Poses2D, Poses3D
from podium.vision.boxes import suppress
from podium.vision.interpolation import interpolate_rois
from podium.vision.tracking import Tracker

_SAME_PERSON_IOU = 0.7
_DECODE_ATTEMPTS = 2


@dataclass
class PipelineRun:
    """The work of one request.

    Args:
        stages: The services.
        pipeline: What to do.
        media: To what.
        request: Which frames, and options of the caller.
        chunk_frames: Frames per decode call.
        max_frames: Frames that one request may ask for.
    """

    stages: Stages
    pipeline: Pipeline
    media: Media
    request: PipelineRequest
    chunk_frames: int
    max_frames: int
    timing_ms: dict[str, dict[str, float]] = field(default_factory=dict)

    async def answer(self) -> Answer:
        """Run the pipeline.

        Raises:
            PodiumError: the media or the range is bad, or a stage failed. Frames that do not
                decode are no error: their status says so.
        """
        models = await describe(self.stages, self.pipeline.spec)
        tracker = Tracker()
        batches: list[FrameBatch] = []
        persons: list[Persons] = []
        async for frames in self._ranges(batches):
            batch, found = await self._chunk(models, frames)
            batches.append(batch)
            persons.append(_track(tracker, batch, found))
        return self._assemble(models, batches, Persons.concatenate(persons))

    async def _ranges(self, done: list[FrameBatch]) -> AsyncIterator[FrameRange]:
        """Cut the range into chunks, so that a decode replica keeps few frames at a time.

        How many frames there are is known from the first answer on.
        """
        start, step, size = self.request.start, self.request.step, self.chunk_frames
        asked = self.request.count
        yield FrameRange(start, size if asked is None else min(asked, size), step)
        declared = max(0, -(-(done[0].source.frame_count - start) // step))
        total = declared if asked is None else min(asked, declared)
        if total > self.max_frames:
            raise TooLarge(
                f"{total} frames are more than the {self.max_frames} that one request answers; "
                "ask for ranges with start and count",
                field="count",
            )
        for first in range(size, total, size):
            yield FrameRange(start + first * step, min(size, total - first), step)

    async def _chunk(self, models: Models, frames: FrameRange) -> tuple[FrameBatch, Persons]:
        """Decode and estimate; once more when the replica that held the frames lost them."""
        for attempt in range(1, _DECODE_ATTEMPTS + 1):
            with self._timed("decode"):
                batch = await self.stages.decode.decode(
                    self.media,
                    frames,
                    stride=self.request.stride or self.pipeline.spec.detection.stride,
                    letterbox=models.letterbox,
                )
            try:
                return batch, await self._persons(models, batch)
            except FramesGone:
                if attempt == _DECODE_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _persons(self, models: Models, batch: FrameBatch) -> Persons:
        spec = self.pipeline.spec
        with self._timed("detection"):
            found = await find_persons(
                self.stages, spec.detection, models.letterbox, models.pose, batch
            )
        position, rois, scores = interpolate_rois(
            np.searchsorted(batch.frame_index, batch.image_frame),
            found.image_index,
            found.rois,
            found.scores,
            len(batch.frame_index),
        )
        shown = batch.frame_ok[position]
        frame_index, rois, scores = batch.frame_index[position[shown]], rois[shown], scores[shown]
        if len(rois) == 0:
            return Persons.nobody(models.joint_count, in_3d=spec.pose.stage == "pose3d")
        with self._timed("crop"):
            crops = await self.stages.decode.crop(batch.frames, frame_index, rois, models.crop)
        poses: Poses2D | Poses3D
        with self._timed(spec.pose.stage):
            if spec.pose.stage == "pose2d":
                poses = await self.stages.pose2d.estimate(spec.pose.model, crops.images)
            else:
                poses = await self.stages.pose3d.estimate(spec.pose.model, crops.images)
        persons = in_frame_pixels(frame_index, scores, crops.transforms, poses)
        persons = persons.rows(np.flatnonzero(persons.scores >= spec.pose.min_presence))
        return persons.rows(
            suppress(persons.boxes, persons.scores, persons.frame_index, _SAME_PERSON_IOU)
        )

    def _assemble(self, models: Models, batches: list[FrameBatch], persons: Persons) -> Answer:
        athletes = self.pipeline.spec.athletes
        choice = self.request.athlete or athletes.select
        default = athletes.max_persons if choice in ("all", athletes.select) else 1
        persons = persons.rows(
            choose_athletes(
                choice,
                self.request.max_persons or default,
                persons.track_ids,
                persons.frame_index,
                persons.boxes,
            )
        )
        frame_index = np.concatenate([b.frame_index for b in batches])
        frame_ok = np.concatenate([b.frame_ok for b in batches])
        with_person = np.isin(frame_index, persons.frame_index)
        status: list[FrameStatus] = [
            "decode_error" if not ok else "ok" if person else "no_person"
            for ok, person in zip(frame_ok.tolist(), with_person.tolist(), strict=True)
        ]
        source = batches[0].source
        return Answer(
            pipeline=self.pipeline.name,
            skeleton=models.skeleton,
            models=models.names(self.pipeline.spec),
            source=source,
            width=int(batches[0].frame_size[0]),
            height=int(batches[0].frame_size[1]),
            frame_index=frame_index,
            time_s=np.concatenate([b.time_s for b in batches]),
            status=status,
            persons=persons,
            timing_ms=self.timing_ms,
            degraded=[] if source.complete else ["the source ends before the frames it declares"],
        )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            entry = self.timing_ms.setdefault(stage, {"total": 0.0, "calls": 0})
            entry["total"] = round(entry["total"] + (time.perf_counter() - started) * 1e3, 3)
            entry["calls"] += 1


def _track(tracker: Tracker, batch: FrameBatch, persons: Persons) -> Persons:
    track_ids = persons.track_ids.copy()
    for index, time_s in zip(batch.frame_index.tolist(), batch.time_s.tolist(), strict=True):
        rows = np.flatnonzero(persons.frame_index == index)
        if len(rows):
            track_ids[rows] = tracker.update(persons.boxes[rows], persons.keypoints[rows], time_s)
    return persons.with_tracks(track_ids)
