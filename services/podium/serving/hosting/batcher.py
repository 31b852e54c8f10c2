"""Dynamic batching: rows of different requests share engine calls.

An idle engine takes waiting rows at once; while it is busy, the next batch fills. Waiting requests
take turns, so that a long one does not hold up a short one. Rows of a client that has disconnected
or whose deadline cannot be met never reach the engine. A batch that the engine refuses is halved
until only the rows at fault fail.
"""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from podium.errors import DeadlineExceeded, Overloaded, PodiumError, TooLarge
from podium.serving.hosting.batch_rows import (
    BatchResult,
    RequestRows,
    Run,
    Slice,
    deal_out,
    join,
    run_or_halve,
)
from podium.serving.hosting.engine_phases import timed
from podium.serving.observing import deadline
from podium.serving.observing.batches import BatchObserver, Execution
from podium.serving.observing.in_thread import in_thread
from podium.serving.observing.request_context import RequestContext, current_request
from podium.serving.oip.batching import BatchLimits
from podium.wire import Tensors

_LONG_S = 0.002
"""Rows that take longer together are divided among idle threads; waking one takes 0.1 ms."""


@dataclass(eq=False, slots=True, kw_only=True)
class _Job(RequestRows):
    """One waiting request."""

    bytes: int
    deadline: float
    done: asyncio.Future[BatchResult]
    enqueued: float
    key: tuple[Any, ...]
    next_row: int = 0
    request: RequestContext = field(default_factory=current_request)


class Batcher:
    """Pools the rows of concurrent requests to one model.

    Args:
        run: Computes a batch; called in ``executor``, by at most ``instances`` threads at once.
        executor: Threads for the engine.
        instances: Engine calls that run at the same time.
        limits: Sizes of batches and of the queue.
        stage: Name of the stage in errors.
        observer: Told of refusals, waits and batches.
        row_index: See ``RequestRows``.
        divides: Whether to divide few rows among idle threads, because the engine computes them
            one by one anyway.
    """

    def __init__(
        self,
        run: Run,
        executor: Executor,
        *,
        instances: int,
        limits: BatchLimits,
        stage: str,
        observer: BatchObserver,
        row_index: str | None = None,
        divides: bool = False,
    ) -> None:
        self._run = run
        self._executor = executor
        self._idle = instances
        self._instances = instances
        self._limits = limits
        self._stage = stage
        self._observer = observer
        self._row_index = row_index
        self._divides = divides
        self._jobs: deque[_Job] = deque()
        self._queued_rows = 0
        self._queued_bytes = 0
        self._running_rows = 0
        self._row_s = 0.0  # smoothed engine seconds per row
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def infer(self, inputs: Tensors) -> BatchResult:
        """Compute the rows of one request.

        Raises:
            Overloaded: the queue is full; ``retry_after_s`` says when to retry.
            DeadlineExceeded: the deadline of the request cannot be met.
            TooLarge: the request alone is over the limits of the queue.
            Unprocessable: the engine refused all its rows.
        """
        rows = len(next(iter(inputs.values())))
        if rows == 0:
            return BatchResult(self._run(inputs), {})
        job = _Job(
            inputs=inputs,
            count=rows,
            row_index=self._row_index,
            bytes=sum(array.nbytes for array in inputs.values()),
            deadline=deadline.deadline(),
            done=asyncio.get_running_loop().create_future(),
            enqueued=time.monotonic(),
            key=tuple((n, a.dtype, a.shape[1:]) for n, a in sorted(inputs.items())),
        )
        self._admit(job)
        self._jobs.append(job)
        self._pump()
        try:
            return await job.done
        finally:
            self._forget(job)

    def _admit(self, job: _Job) -> None:
        limits = self._limits
        if job.count > limits.max_queue_rows or job.bytes > limits.max_queue_bytes:
            raise TooLarge(
                f"{job.count} rows are more than the {limits.max_queue_rows} (or "
                f"{limits.max_queue_bytes} bytes) that wait at once; send fewer per request",
                field=next(iter(job.inputs)),
            )
        full = (
            self._queued_rows + job.count > limits.max_queue_rows
            or self._queued_bytes + job.bytes > limits.max_queue_bytes
        )
        if full and self._jobs:
            self._observer.refused("queue_full")
            raise Overloaded(f"{self._stage}: the queue is full", retry_after_s=self.backlog_s())
        self._count(job.count, job.bytes)

    def backlog_s(self) -> float:
        """Seconds that the queue takes at the measured rate."""
        return (self._queued_rows + self._running_rows) * self._row_s / self._instances

    def _count(self, rows: int, size: int) -> None:
        self._queued_rows += rows
        self._queued_bytes += size
        self._observer.waiting(self._queued_rows, self._queued_bytes)

    def _forget(self, job: _Job) -> None:
        """Take the rest of a done, failed or cancelled job out of the queue."""
        left = job.count - job.next_row
        if left:
            job.next_row = job.count
            self._count(-left, -job.bytes * left // job.count)
        if job in self._jobs:
            self._jobs.remove(job)

    def _fail(self, job: _Job, error: PodiumError) -> None:
        if not job.done.done():
            job.done.set_exception(error)
        self._forget(job)

    # Batches

    def _pump(self) -> None:
        """Start batches while there are rows and idle engines."""
        while self._idle and self._jobs:
            wait_s = self._wait_s()
            if wait_s > 0:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(wait_s, self._on_timer)
                return
            batch = self._take()
            if batch:
                self._idle -= 1
                task = asyncio.get_running_loop().create_task(self._work(batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _wait_s(self) -> float:
        if self._limits.max_delay_ms <= 0 or self._queued_rows >= self._limits.max_batch:
            return 0
        oldest = self._jobs[0].enqueued
        return oldest + self._limits.max_delay_ms / 1e3 - time.monotonic()

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()

    def _take(self) -> list[Slice[_Job]]:
        """The next batch: requests take turns, each with an equal share of the rows."""
        self._drop_hopeless()
        batch: list[Slice[_Job]] = []
        if not self._jobs:
            return batch
        space = self._limits.max_batch
        if self._divides and self._queued_rows * self._row_s > _LONG_S:
            space = min(space, math.ceil(self._queued_rows / self._idle))
        key = self._jobs[0].key
        fitting = sum(1 for job in self._jobs if job.key == key)
        share = max(1, space // fitting)
        for _ in range(len(self._jobs)):
            if space == 0:
                break
            job = self._jobs.popleft()
            if job.key == key:
                rows = min(share, space, job.count - job.next_row)
                batch.append(Slice(job, job.next_row, job.next_row + rows))
                job.next_row += rows
                space -= rows
                self._count(-rows, -job.bytes * rows // job.count)
            if job.next_row < job.count:
                self._jobs.append(job)
        return batch

    def _drop_hopeless(self) -> None:
        """Fail the waiting requests whose deadline even a batch started now would miss."""
        ready_at = time.monotonic() + self._row_s
        for job in [job for job in self._jobs if job.deadline < ready_at]:
            self._observer.refused("deadline")
            self._fail(job, DeadlineExceeded(f"{self._stage}: no time left in the queue"))

    async def _work(self, batch: list[Slice[_Job]]) -> None:
        rows = sum(map(len, batch))
        started = time.monotonic()
        for part in batch:
            if part.start == 0:
                self._observer.queued(part.of.request, started - part.of.enqueued)
        self._running_rows += rows
        inputs = join(batch)
        joined = time.monotonic()
        try:
            pieces, phases = await in_thread(
                self._executor, timed, functools.partial(run_or_halve, self._run, inputs)
            )
        finally:
            self._running_rows -= rows
            self._idle += 1
        inferred = time.monotonic()
        took = inferred - started
        self._row_s = took / rows if self._row_s == 0 else 0.8 * self._row_s + 0.2 * took / rows
        deal_out(batch, pieces)
        self._observer.executed(
            Execution(
                rows=rows,
                refused_rows=sum(1 for *_, outputs in pieces if isinstance(outputs, str)),
                requests=tuple(part.of.request for part in batch),
                new_requests=sum(1 for part in batch if part.start == 0),
                engine_calls=2 * len(pieces) - 1,  # halving makes a binary tree of calls
                join_s=joined - started,
                infer_s=inferred - joined,
                scatter_s=time.monotonic() - inferred,
                phases=phases,
            )
        )
        for part in batch:
            _finish(part.of)
        self._pump()


def _finish(job: _Job) -> None:
    """Answer a request whose rows are all back."""
    if job.finished < job.count or job.done.done():
        return
    try:
        job.done.set_result(job.result())
    except PodiumError as error:
        job.done.set_exception(error)
