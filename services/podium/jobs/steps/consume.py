"""``consume``: runs one frame batch through the pipeline of its project's tier."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Literal

from pydantic import ValidationError

from podium.errors import NotFound, PodiumError, StageFailed
from podium.jobs import failures
from podium.jobs.environment import Environment
from podium.jobs.observing.oplog import record_of
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import jobs, leases
from podium.jobs.sql.jobs import RowChange, Work
from podium.jobs.sql.leases import Claim
from podium.schemas.results import PipelineResult

Outcome = Literal["done", "duplicate", "retry", "dead"]


@dataclass(frozen=True, slots=True)
class Worked:
    """A frame batch that a worker has ended with, and what is to be written about it."""

    held: Claim
    outcome: Outcome
    change: RowChange
    record: dict[str, Any]


def consume(
    env: Environment, batch_id: int, owner: str, *, seconds: float | None = None
) -> Outcome:
    """Run one frame batch from a stream.

    Args:
        env: The environment.
        batch_id: Id of the frame batch.
        owner: Name of the worker; the same owner may claim it again.
        seconds: Time limit and duration of the lease, for workers without a heartbeat; None: those
            of ``Timing``.

    Returns:
        ``done``; ``duplicate``: it is done, or another worker has it; ``retry``: it is offered
        again; ``dead``: it has ended without a result.
    """
    now = env.now()
    until = env.lease_until() if seconds is None else now + timedelta(seconds=seconds)
    held = env.database.write(
        SYSTEM, partial(leases.claim_one, owner=owner, batch_id=batch_id, now=now, until=until)
    )
    if held is None:
        return "duplicate"
    [outcome] = write_down(env, [work(env, held, seconds=seconds)])
    return outcome


def work(env: Environment, held: Claim, *, seconds: float | None = None) -> Worked:
    """Run a claimed frame batch and store its result; ``write_down`` marks it as done.

    A worker that dies in between leaves the result to the next one.
    """
    ids = {"job_id": held.job_id, "video_id": held.video_id, "frame_batch_id": held.id}
    noted: dict[str, Any] = {}
    started = time.perf_counter()
    try:
        outcome, change = _tried(env, held, seconds)
    except Exception as error:
        noted["error"] = error.message if isinstance(error, PodiumError) else repr(error)
        outcome, change = _failed(env, held, error)
    record = record_of("consume", started, noted, **ids, attempt=held.attempt)
    return Worked(held, outcome, change, record)


def write_down(env: Environment, worked: Sequence[Worked]) -> list[Outcome]:
    """Write what became of frame batches into their rows, in one transaction, and into the log.

    Raises:
        Unavailable: the database does not answer; nothing is written.
    """
    changes = [(each.held.job_id, each.change) for each in worked]
    applied = env.database.write(SYSTEM, partial(jobs.end_work, changes=changes, now=env.now()))
    outcomes: list[Outcome] = []
    for each, is_new in zip(worked, applied, strict=True):
        outcome = each.outcome if is_new else "duplicate"
        each.record["outcome"]["result"] = outcome
        env.log.write(each.record)
        outcomes.append(outcome)
    return outcomes


def _tried(env: Environment, held: Claim, seconds: float | None) -> tuple[Outcome, RowChange]:
    """Run the batch, unless there is a reason not to; what becomes of its row."""
    settings = env.works.of(
        held.job_id, lambda: env.database.read(SYSTEM, partial(jobs.work, job_id=held.job_id))
    )
    done: RowChange = partial(leases.complete, batch_id=held.id)
    tries = env.timing.steps["consume"].tries
    if settings.is_canceling:
        return "dead", partial(leases.drop, held=held)
    if _is_there(env, held):  # a worker died between its last two steps
        return "done", done
    if held.attempt > tries:
        return _dead(held, "worker_died", failures.died("worker", tries))
    env.objects.put(held.results_key, _call(env, held, settings, seconds), once=True)
    return "done", done


def _call(env: Environment, held: Claim, work: Work, seconds: float | None) -> bytes:
    body: dict[str, Any] = {
        **work.parameters.frames,
        "uri": held.input_address,
        "start": held.start,
        "count": held.count,
        "step": held.step,
    }
    answer = env.tiers.run(
        env.gateway(work.gateway_url),
        work.endpoint,
        body,
        idempotency_key=f"frame-batch-{held.id}",
        seconds=seconds,
    )
    try:
        frames = len(PipelineResult.model_validate_json(answer).frames)
    except ValidationError:
        raise StageFailed("the gateway's answer is no result of a pipeline") from None
    if frames != held.count:
        raise StageFailed(f"the gateway answered {frames} frames instead of {held.count}")
    return answer


def _is_there(env: Environment, held: Claim) -> bool:
    try:
        return env.objects.size_bytes(held.results_key) > 0
    except NotFound:
        return False


def _failed(env: Environment, held: Claim, error: Exception) -> tuple[Outcome, RowChange]:
    told, step = failures.describe(error), env.timing.steps["consume"]
    final = isinstance(error, PodiumError) and failures.is_final(error)
    counts = failures.counts(error)
    if final or (counts and held.attempt >= step.tries):
        return _dead(held, told.code, told.message)
    return "retry", partial(
        leases.release,
        held=held,
        available_at=env.now() + timedelta(seconds=step.pause_s(held.attempt)),
        counts=counts,
        code=told.code,
        message=told.message,
    )


def _dead(held: Claim, code: str, message: str) -> tuple[Outcome, RowChange]:
    return "dead", partial(leases.fail, held=held, code=code, message=message)
