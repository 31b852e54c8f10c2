"""One request, from media to poses: read ``PipelineRun.answers`` from top to bottom."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass, field, replace

from podium.pipelines.answer import Answer
from podium.pipelines.athletes import AthleteChoice
from podium.pipelines.background import CameraPath
from podium.pipelines.camera import ASSUMED
from podium.pipelines.chunk import Chunk, ChunkWork
from podium.pipelines.identities import identify
from podium.pipelines.observer import Observer, Timing
from podium.pipelines.persons import Persons
from podium.pipelines.plan import make_plans
from podium.pipelines.ranges import PipelineLimits, first_range, other_ranges
from podium.pipelines.spec import Pipeline, PipelineRequest
from podium.stages import Stages
from podium.types import FrameRange, Media
from podium.vision.tracking import Tracker

Turns = AbstractAsyncContextManager[object]
"""Entered around the work on one chunk; limits the chunks in the stages at the same time."""


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """The work of one request.

    Args:
        stages: The services.
        pipeline: The pipeline to run.
        media: The video or picture.
        request: Range of frames and options of the caller.
        limits: Sizes of chunks and of the request.
        turns: Shared by all requests; chunks that wait for their turn hold no frames.
        observer: Told of the durations of phases.
    """

    stages: Stages
    pipeline: Pipeline
    media: Media
    request: PipelineRequest
    limits: PipelineLimits
    turns: Turns = field(default_factory=nullcontext)
    observer: Observer | None = None

    async def answers(self) -> AsyncGenerator[Answer, None]:
        """All persons of each chunk, chunk by chunk in order; the work on chunks overlaps.

        Raises:
            PodiumError: the media or the range is bad, or a stage failed. A frame that does not
                decode or that an engine refuses is no error: its status says so.
        """
        plans = await make_plans(self.stages, self.pipeline.spec, self.request)
        timing, tracker, path = Timing(self.observer), Tracker(), CameraPath()
        media = replace(self.media, capture_fps=self.request.capture_fps)
        work = ChunkWork(self.stages, media, self.request.intrinsics, timing)

        async def in_turn(frames: FrameRange) -> Chunk:
            arrived = time.perf_counter()
            async with self.turns:
                begun = time.perf_counter()
                timing.phase("queue", arrived, begun)
                return await work.run(plans.after(begun - arrived), frames)

        chunk = await in_turn(first_range(self.request, self.limits))
        rest = other_ranges(self.request, self.limits, chunk.batch)
        ahead: deque[asyncio.Task[Chunk]] = deque()
        try:
            while True:
                for frames in itertools.islice(rest, self.limits.overlap - len(ahead)):
                    ahead.append(asyncio.create_task(in_turn(frames)))
                answer = self._answer(chunk, identify(tracker, chunk), timing)
                if not chunk.is_whole_picture:
                    background = await asyncio.to_thread(path.of, chunk)
                    answer = replace(answer, background=background)
                yield answer
                if not ahead:
                    return
                chunk = await ahead.popleft()
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def answer(self) -> Answer:
        """The whole answer, with the chosen athletes. Raises as ``answers``."""
        async with aclosing(self.answers()) as answers:
            whole = Answer.join([answer async for answer in answers])
        return whole.with_persons(self._choice().of(whole.persons))

    async def stream(self) -> AsyncGenerator[Answer, None]:
        """The answer in pieces of consecutive frames, each as soon as it is ready.

        Athletes are chosen by the frames so far. Raises as ``answers``.
        """
        choice = self._choice()
        async with aclosing(self.answers()) as answers:
            async for answer in answers:
                yield answer.with_persons(choice.of(answer.persons))

    def _choice(self) -> AthleteChoice:
        default = self.pipeline.spec.athletes
        if self.request.athlete is None or self.request.athlete == "all":
            athlete, count = self.request.athlete or default.select, default.max_persons
        else:
            athlete, count = self.request.athlete, 1
        return AthleteChoice(athlete, self.request.max_persons or count)

    def _answer(self, chunk: Chunk, persons: Persons, timing: Timing) -> Answer:
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
            timing_ms=timing.stages_ms(),
            notes=self._notes(chunk),
        )

    def _notes(self, chunk: Chunk) -> tuple[str, ...]:
        plan, batch = chunk.plan, chunk.batch
        notes = list(batch.source.notes)
        if plan.models.pose.needs_camera and not self.request.intrinsics:
            notes.append(ASSUMED)
        if plan.savings:
            first, last = batch.frame_index[0], batch.frame_index[-1]
            saved = " and ".join(plan.savings)
            notes.append(f"frames {first} to {last}: the services were busy, so {saved}")
        return tuple(notes)
