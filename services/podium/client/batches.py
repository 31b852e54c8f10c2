"""Runs a video in batches: several at a time, each answer saved as soon as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from podium.client.run_folder import RunFolder
from podium.schemas.results import PipelineResult

Request = Callable[[int, int], Awaitable[PipelineResult]]
"""Asks for ``count`` frames from ``start`` on."""

Progress = Callable[[int, int, int | None], None]
"""Told how many frames are done, how many of them were before, and how many there are, if known."""

_FIRST_FRAMES = 16
"""The first request is short: a mistake shows at once, and it says how many frames there are."""


@dataclass
class BatchRun:
    """The frames of one run, divided into batches.

    Args:
        folder: Stores the answers; batches with a stored answer are not requested again.
        request: Requests the answer for one batch.
        start: First frame.
        count: Number of frames; None: to the end.
        batch: Frames per request.
        in_flight: Largest number of requests at the same time.
        progress: Called after each answer.
    """

    folder: RunFolder
    request: Request
    start: int
    count: int | None
    batch: int
    in_flight: int
    progress: Progress
    frames_done: int = 0
    frames_resumed: int = 0
    frames_total: int | None = None

    async def all(self) -> None:
        """Request the answers of all batches. Raises what ``request`` raises."""
        first = min(_FIRST_FRAMES, self.batch, self.count or self.batch)
        answer = await self._one(self.start, first)  # says how many frames there are
        available = answer.source.frame_count - self.start
        self.frames_total = min(available, self.count) if self.count else available
        self._show()

        todo = plan(self.start + first, self.start + self.frames_total, self.batch)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.in_flight):
                    group.create_task(self._work(todo))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _work(self, todo: Iterator[tuple[int, int]]) -> None:
        for start, count in todo:
            await self._one(start, count)

    async def _one(self, start: int, count: int) -> PipelineResult:
        result = self.folder.load(start)
        if result is None:
            result = await self.request(start, count)
            self.folder.save(start, result)
        else:
            self.frames_resumed += len(result.frames)
        self.frames_done += len(result.frames)
        self._show()
        return result

    def _show(self) -> None:
        self.progress(self.frames_done, self.frames_resumed, self.frames_total)


def plan(start: int, stop: int, batch: int) -> Iterator[tuple[int, int]]:
    """Divide frames ``start`` to ``stop`` into (start, count) of at most ``batch`` frames each."""
    for first in range(start, stop, batch):
        yield first, min(batch, stop - first)
