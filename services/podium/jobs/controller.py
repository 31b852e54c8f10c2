"""A controller in the style of Kubernetes: it reads the state and takes the next step.

All state is in the database. So any number of controllers may run, and any of them may be killed:
another one takes over its work when the lease has expired.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from podium.errors import PodiumError, Unavailable
from podium.jobs import failures, housekeeping, webhooks
from podium.jobs.environment import Environment
from podium.jobs.fairness import Turns
from podium.jobs.principal import SYSTEM
from podium.jobs.reconcile import fail, give_up, reconcile, step_of
from podium.jobs.sql import batches, deliveries, jobs, leases
from podium.jobs.sql.leases import Claim
from podium.jobs.steps import Worked, work, write_down
from podium.schemas.states import TERMINAL

_log = logging.getLogger("podium.jobs.controller")

_POLL_S = 0.25
_TURN_S = 0.02
"""Shortest time between two turns: what workers do meanwhile is written in one transaction."""
_MOST_AHEAD = 64
_HOUSEKEEPING_S = 60.0


class Controller:
    """Runs the steps of all jobs that have not ended.

    Args:
        env: Database, objects, gateways, and so on.
        workers: Frame batches at work at the same time.
        steps: Other steps at work at the same time.
    """

    def __init__(self, env: Environment, *, workers: int = 4, steps: int = 2) -> None:
        self._env = env
        self._owner = f"controller-{secrets.token_hex(8)}"
        self._workers, self._steps = workers, steps
        self._batches: dict[int, float] = {}
        self._worked: deque[Worked] = deque()  # of these batches; not yet in the database
        self._jobs: dict[int, float] = {}  # job -> time at which its step has taken too long
        self._deliveries: dict[int, float] = {}
        self._turns = Turns()
        self._wake = threading.Event()
        self._looked = time.monotonic()
        self._next_look = self._next_heartbeat = self._next_housekeeping = 0.0
        self._next_delivery = self._next_claim = 0.0
        self._done_at: deque[float] = deque(maxlen=_MOST_AHEAD)
        self._enough = 0

    def silent_s(self) -> float:
        """Seconds since this last looked for work, or waited for the end of running work."""
        return time.monotonic() - self._looked

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then finish the running work and begin no more."""
        with (
            ThreadPoolExecutor(self._workers, "batch") as batch_pool,
            ThreadPoolExecutor(self._steps, "step") as step_pool,
            ThreadPoolExecutor(1, "webhook") as webhook_pool,
        ):
            while not stop.is_set():
                self._quietly(lambda: self._begin_steps(step_pool))
                self._quietly(self._write_down)
                self._quietly(lambda: self._begin_batches(batch_pool))
                self._quietly(lambda: self._begin_deliveries(webhook_pool))
                self._quietly(self._now_and_then)
                self._pause()
            while self._batches or self._jobs or self._deliveries:
                self._quietly(lambda: self._write_down(again=False))
                self._quietly(self._heartbeat)
                self._pause()

    def _pause(self) -> None:
        self._wake.wait(_POLL_S)
        time.sleep(max(0.0, self._looked + _TURN_S - time.monotonic()))
        self._wake.clear()
        self._looked = time.monotonic()

    def _begin_steps(self, pool: ThreadPoolExecutor) -> None:
        free = self._steps - len(self._jobs)
        if free <= 0 or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _POLL_S
        env = self._env
        for job_id in env.database.look(SYSTEM, partial(jobs.due, now=env.now(), limit=free)):
            take = partial(
                jobs.claim, job_id=job_id, owner=self._owner, now=env.now(), until=env.lease_until()
            )
            if job_id not in self._jobs and env.database.write(SYSTEM, take):
                self._begin(pool, self._jobs, job_id, partial(self._move, job_id))

    def _begin_batches(self, pool: ThreadPoolExecutor) -> None:
        """Claim batches in bulk: up to a second of work waits here; refilled when half empty."""
        held, now = len(self._batches), time.monotonic()
        free = self._workers + self._ahead(now) - held
        if free <= 0 or held > max(self._enough, self._workers - 1) or now < self._next_claim:
            return
        env = self._env
        waiting = env.database.read(SYSTEM, partial(batches.queues, now=env.now()))
        for (project_id, priority), count in self._turns.share(waiting, free).items():
            taken = env.database.write(
                SYSTEM,
                partial(
                    leases.claim,
                    owner=self._owner,
                    project_id=project_id,
                    priority=priority,
                    limit=count,
                    now=env.now(),
                    until=env.lease_until(),
                ),
            )
            for claim in taken:
                self._begin_batch(pool, claim)
        self._enough = len(self._batches) // 2
        if not waiting:
            self._next_claim = now + _POLL_S

    def _ahead(self, now: float) -> int:
        """Number of batches to hold: those done in the last second, at least one per worker."""
        while self._done_at and self._done_at[0] < now - 1.0:
            self._done_at.popleft()
        return max(self._workers, min(len(self._done_at), _MOST_AHEAD))

    def _begin_deliveries(self, pool: ThreadPoolExecutor) -> None:
        env = self._env
        if self._deliveries or time.monotonic() < self._next_delivery:
            return
        self._next_delivery = time.monotonic() + _POLL_S
        for delivery_id in env.database.look(SYSTEM, partial(deliveries.due, now=env.now())):
            self._begin(
                pool, self._deliveries, delivery_id, partial(webhooks.deliver, env, delivery_id)
            )

    def _begin(
        self,
        pool: ThreadPoolExecutor,
        held: dict[int, float],
        key: int,
        work: Callable[[], None],
    ) -> None:
        def run() -> None:
            try:
                self._quietly(work)
            finally:
                held.pop(key, None)
                self._wake.set()

        held[key] = math.inf
        pool.submit(run)

    def _begin_batch(self, pool: ThreadPoolExecutor, held: Claim) -> None:
        """Have a batch run; it is held, and its lease kept, until its row is written."""

        def run() -> None:
            try:
                self._worked.append(work(self._env, held))
            except Exception:
                _log.exception("a worker failed")  # its lease will expire
                self._batches.pop(held.id, None)
            self._done_at.append(time.monotonic())
            self._wake.set()

        self._batches[held.id] = math.inf
        pool.submit(run)

    def _write_down(self, *, again: bool = True) -> None:
        """Write what workers have ended with since the last turn, in one transaction.

        Args:
            again: While the database does not answer, keep it for the next turn.
        """
        count = len(self._worked)  # workers add more meanwhile
        worked = [self._worked.popleft() for _ in range(count)]
        worked.sort(key=lambda each: each.held.id)  # one order for all: fewer deadlocks
        if not worked:
            return
        try:
            write_down(self._env, worked)
        except Unavailable:
            if again:
                self._worked.extend(worked)
                raise
        except Exception:  # of one row, which must not keep the others from being written
            for one in worked:
                self._quietly(partial(write_down, self._env, [one]))
        for each in worked:
            self._batches.pop(each.held.id, None)

    def _move(self, job_id: int) -> None:
        """Take the next steps of a claimed job, and release it."""
        env = self._env
        status = env.database.read(SYSTEM, partial(jobs.status, job_id=job_id))
        step = step_of(status.state) if not status.is_terminal else "check"
        if status.step_attempts > env.timing.steps[step].tries:
            fail(env, job_id, failures.step_died(step, status.step_attempts - 1))
            return
        after: float | None = 0.0
        attempts = 0
        try:
            while after == 0.0:
                self._limit(job_id)
                after = reconcile(env, job_id)
        except Exception as error:
            if not isinstance(error, PodiumError):
                _log.exception("job %d failed at its next step", job_id)
            now = env.database.read(SYSTEM, partial(jobs.status, job_id=job_id))
            attempts = max(1, now.step_attempts)
            after = None
            if not give_up(env, job_id, attempts, error):
                after = env.timing.steps[step_of(now.state)].pause_s(attempts)
                attempts -= not failures.counts(error)
        finally:
            due_at = env.now() + timedelta(seconds=after or 0.0)
            env.database.write(
                SYSTEM,
                partial(
                    jobs.release, job_id=job_id, owner=self._owner, due_at=due_at, attempts=attempts
                ),
            )
            self._next_claim = 0.0  # it may have offered frame batches

    def _limit(self, job_id: int) -> None:
        """Set the time limit of a job's step: after it the lease is lost and the step failed."""
        state = self._env.database.read(SYSTEM, partial(jobs.status, job_id=job_id)).state
        if state not in TERMINAL:
            limit_s = self._env.timing.steps[step_of(state)].timeout_s
            self._jobs[job_id] = time.monotonic() + limit_s

    def _now_and_then(self) -> None:
        self._heartbeat()
        if time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + _HOUSEKEEPING_S
            housekeeping.tidy(self._env)

    def _heartbeat(self) -> None:
        if time.monotonic() < self._next_heartbeat:
            return
        env, until = self._env, self._env.lease_until()
        self._next_heartbeat = time.monotonic() + env.timing.heartbeat_s
        for kind, begun in ((leases, dict(self._batches)), (jobs, dict(self._jobs))):
            held = [key for key, limit in begun.items() if time.monotonic() < limit]
            if held:
                beat = partial(kind.heartbeat, owner=self._owner, ids=held, until=until)
                env.database.write(SYSTEM, beat)

    def _quietly(self, work: Callable[[], object]) -> None:
        """Log a failure instead of raising it; the work is due again when its lease expires."""
        try:
            work()
        except Unavailable as error:
            _log.warning("%s", error.message)
        except Exception:
            _log.exception("a step of the controller failed")
