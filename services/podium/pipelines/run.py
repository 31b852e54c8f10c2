"""One request, from media to poses: read ``PipelineRun`` from top to bottom."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import numpy as np

from podium.errors import FramesGone, TooLarge, Unavailable, Unprocessable
from podium.pipelines.answer import Answer
from podium.pipelines.athletes import AthleteChoice
from podium.pipelines.camera import ASSUMED, camera_of
from podium.pipelines.persons import Persons, in_frame_pixels
from podium.pipelines.plan import Plan, Plans, make_plans
from podium.pipelines.search import find_persons
from podium.pipelines.slices import slices
from podium.pipelines.spec import Pipeline, PipelineRequest
from podium.serving.observing.request_context import current_request
from podium.stages import Stages
from podium.types import Float32, FrameBatch, FrameRange, Int64, Media, Poses2D, Poses3D
from podium.vision.boxes import box_of_roi, suppress
from podium.vision.interpolation import interpolate_rois
from podium.vision.tracking import Tracker

_SAME_PERSON_IOU = 0.7
_DECODE_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """How much one request may have in work."""

    chunk_frames: int = 32  # frames per decode call
    max_frames: int = 1024  # frames that one request may ask for
    overlap: int = 2  # chunks in work beyond the one that is answered next, at least 1


Turns = AbstractAsyncContextManager[object]
"""Entered around the work on one chunk: lets so many chunks into the stages at once."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive frames of the request."""

    plan: Plan
    batch: FrameBatch
    persons: Persons
    failed: dict[int, str]  # frame index -> why an engine refused it


@dataclass
class PipelineRun:
    """The work of one request.

    Args:
        stages: The services.
        pipeline: What to do.
        media: To what.
        request: Which frames, and options of the caller.
        limits: How much at once.
        turns: Shared by all requests; chunks beyond wait here, where they hold nothing.
    """

    stages: Stages
    pipeline: Pipeline
    media: Media
    request: PipelineRequest
    limits: PipelineLimits
    turns: Turns = field(default_factory=nullcontext)
    timing_ms: dict[str, dict[str, float]] = field(default_factory=dict)

    async def answer(self) -> Answer:
        """The whole answer.

        Raises:
            PodiumError: the media or the range is bad, or a stage failed. Frames that do not
                decode or that an engine refuses are no error: their status says so.
        """
        async with aclosing(self.answers()) as answers:
            whole = Answer.join([answer async for answer in answers])
        return whole.with_persons(self._choice().of(whole.persons))

    async def stream(self) -> AsyncGenerator[Answer, None]:
        """The answer in pieces of consecutive frames, each as soon as it is there.

        Athletes are chosen by what has been seen of them so far. Raises PodiumError.
        """
        choice = self._choice()
        async with aclosing(self.answers()) as answers:
            async for answer in answers:
                yield answer.with_persons(choice.of(answer.persons))

    async def answers(self) -> AsyncGenerator[Answer, None]:
        """Everybody on the frames of each chunk, in order; chunks overlap in the stages."""
        plans = await make_plans(self.stages, self.pipeline.spec, self.request)
        tracker = Tracker()
        chunk = await self._chunk(plans, self._first_range())
        rest = self._other_ranges(chunk.batch)
        ahead: deque[asyncio.Task[Chunk]] = deque()
        try:
            while True:
                for frames in itertools.islice(rest, self.limits.overlap - len(ahead)):
                    ahead.append(asyncio.create_task(self._chunk(plans, frames)))
                yield self._answer(chunk, _identify(tracker, chunk))
                if not ahead:
                    return
                chunk = await ahead.popleft()
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    def _first_range(self) -> FrameRange:
        size = self.limits.chunk_frames
        count = size if self.request.count is None else min(self.request.count, size)
        return FrameRange(self.request.start, count, self.request.step)

    def _other_ranges(self, first: FrameBatch) -> Iterator[FrameRange]:
        """The rest of the request in chunks; the first answer says how many frames there are.

        Raises:
            TooLarge: the request asks for more frames than one may.
        """
        start, step = self.request.start, self.request.step
        total = max(0, -(-(first.source.frame_count - start) // step))
        if self.request.count is not None:
            total = min(self.request.count, total)
        if total > self.limits.max_frames:
            raise TooLarge(
                f"{total} frames are more than the {self.limits.max_frames} that one request "
                "answers; ask for ranges with start and count",
                field="count",
            )
        size = min(self.limits.chunk_frames, len(first.frame_index))  # large frames: fewer
        return (
            FrameRange(start + done * step, min(size, total - done), step)
            for done in range(len(first.frame_index), total, size)
        )

    async def _chunk(self, plans: Plans, frames: FrameRange) -> Chunk:
        """Decode and estimate, when it is this chunk's turn."""
        arrived = time.perf_counter()
        async with self.turns:
            waited_s = time.perf_counter() - arrived
            current_request().add("queue", waited_s)
            return await self._decode_and_estimate(plans.after(waited_s), frames)

    async def _decode_and_estimate(self, plan: Plan, frames: FrameRange) -> Chunk:
        """The same; again when the replica that kept the frames has lost them."""
        for attempt in range(1, _DECODE_ATTEMPTS + 1):
            with self._timed("decode"):
                batch = await self.stages.decode.decode(
                    replace(self.media, capture_fps=self.request.capture_fps),
                    frames,
                    stride=plan.detection.stride,
                    letterbox=plan.models.detector.letterbox,
                )
            try:
                return await self._estimate(plan, batch)
            except FramesGone as error:
                if attempt == _DECODE_ATTEMPTS:
                    raise Unavailable(f"decode: {error.message}") from None
            except BaseException:  # a stage failed, or the client has gone
                self.stages.decode.release(batch.frames)
                raise
        raise AssertionError("unreachable")

    async def _estimate(self, plan: Plan, batch: FrameBatch) -> Chunk:
        models = plan.models
        with self._timed("detection"):
            found = await find_persons(
                self.stages, plan.detection, models.detector.letterbox, models.pose, batch
            )
        failed = {int(batch.image_frame[row]): why for row, why in found.failed.items()}
        position, rois, scores = interpolate_rois(
            np.searchsorted(batch.frame_index, batch.image_frame),
            found.image_index,
            found.rois,
            found.scores,
            len(batch.frame_index),
            hold=models.judges_presence,
        )
        shown = batch.frame_ok[position]
        frame_index, rois, scores = batch.frame_index[position[shown]], rois[shown], scores[shown]
        if len(rois) == 0:
            self.stages.decode.release(batch.frames)
            nobody = Persons.nobody(models.joint_count, in_3d=plan.pose.stage == "pose3d")
            return Chunk(plan, batch, nobody, failed)
        parts: list[Persons] = []
        cuts = list(slices(len(rois), models.pose.crop_height * models.pose.crop_width * 3))
        for rows in cuts:
            persons, refused = await self._poses(
                plan, batch, frame_index[rows], rois[rows], scores[rows], release=rows is cuts[-1]
            )
            parts.append(persons)
            failed |= refused
        persons = Persons.concatenate(parts)
        persons = persons.rows(
            suppress(persons.boxes, persons.scores, persons.frame_index, _SAME_PERSON_IOU)
        )
        return Chunk(plan, batch, persons, failed)

    async def _poses(
        self,
        plan: Plan,
        batch: FrameBatch,
        frame_index: Int64,
        rois: Float32,
        scores: Float32,
        *,
        release: bool,
    ) -> tuple[Persons, dict[int, str]]:
        """The persons in some regions, and the frames whose crops the engine refused."""
        pose, models = plan.pose, plan.models
        with self._timed("crop"):
            crops = await self.stages.decode.crop(
                batch.frames, frame_index, rois, models.pose.crop, release=release
            )
        poses: Poses2D | Poses3D
        try:
            with self._timed(pose.stage):
                if pose.stage == "pose2d":
                    poses = await self.stages.pose2d.estimate(pose.model, crops.images)
                else:
                    camera = self._camera(batch, rois) if models.pose.needs_camera else ()
                    poses = await self.stages.pose3d.estimate(pose.model, crops.images, *camera)
        except Unprocessable as error:  # not one of them can be processed
            nobody = Persons.nobody(models.joint_count, in_3d=pose.stage == "pose3d")
            return nobody, dict.fromkeys(frame_index.tolist(), error.message)
        persons = in_frame_pixels(frame_index, scores, crops.transforms, poses)
        refused = np.isin(np.arange(len(rois)), list(poses.failed))
        shown = ~refused
        if models.judges_presence:
            shown &= persons.scores >= pose.min_presence
        failed = {int(frame_index[row]): why for row, why in poses.failed.items()}
        return persons.rows(np.flatnonzero(shown)), failed

    def _camera(self, batch: FrameBatch, rois: Float32) -> tuple[Float32, Float32]:
        """What each crop shows (M, 4), and the intrinsics (4,)."""
        return box_of_roi(rois), camera_of(self.request.intrinsics, batch.frame_size)

    def _choice(self) -> AthleteChoice:
        default = self.pipeline.spec.athletes
        if self.request.athlete is None or self.request.athlete == "all":
            athlete, count = self.request.athlete or default.select, default.max_persons
        else:
            athlete, count = self.request.athlete, 1
        return AthleteChoice(athlete, self.request.max_persons or count)

    def _answer(self, chunk: Chunk, persons: Persons) -> Answer:
        plan, batch = chunk.plan, chunk.batch
        return Answer(
            pipeline=self.pipeline.name,
            skeleton=plan.models.pose.skeleton,
            models=plan.model_names,
            source=batch.source,
            width=int(batch.frame_size[0]),
            height=int(batch.frame_size[1]),
            frame_index=batch.frame_index,
            time_s=batch.time_s,
            frame_ok=batch.frame_ok,
            failed=chunk.failed,
            persons=persons,
            timing_ms=self.timing_ms,
            notes=self._notes(plan, batch),
        )

    def _notes(self, plan: Plan, batch: FrameBatch) -> tuple[str, ...]:
        notes = list(batch.source.notes)
        if plan.models.pose.needs_camera and not self.request.intrinsics:
            notes.append(ASSUMED)
        if plan.savings:
            first, last = batch.frame_index[0], batch.frame_index[-1]
            saved = " and ".join(plan.savings)
            notes.append(f"frames {first} to {last}: the services were busy, so {saved}")
        return tuple(notes)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            entry = self.timing_ms.setdefault(stage, {"total": 0.0, "calls": 0})
            entry["total"] = round(entry["total"] + (time.perf_counter() - started) * 1e3, 3)
            entry["calls"] += 1


def _identify(tracker: Tracker, chunk: Chunk) -> Persons:
    """The persons of a chunk with their track ids; chunks come in order."""
    persons, batch = chunk.persons, chunk.batch
    track_ids = persons.track_ids.copy()
    for index, time_s in zip(batch.frame_index.tolist(), batch.time_s.tolist(), strict=True):
        rows = np.flatnonzero(persons.frame_index == index)
        if len(rows):
            track_ids[rows] = tracker.update(persons.boxes[rows], persons.keypoints[rows], time_s)
    return persons.with_tracks(track_ids)
