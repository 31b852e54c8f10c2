"""``consume``: runs one frame batch through the pipeline of its project's tier."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Literal

from pydantic import ValidationError

from podium.errors import NotFound, PodiumError, StageFailed
from podium.jobs import failures
from podium.jobs.environment import Environment
from podium.jobs.observing.oplog import action
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import jobs, leases
from podium.jobs.sql.jobs import Work
from podium.jobs.sql.leases import Claim
from podium.schemas.results import PipelineResult

Outcome = Literal["done", "duplicate", "retry", "dead"]


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
    return "duplicate" if held is None else work_on(env, held, seconds=seconds)


def work_on(env: Environment, held: Claim, *, seconds: float | None = None) -> Outcome:
    """Run a claimed frame batch: call the pipeline, store the result, mark the batch as done."""
    ids = {"job_id": held.job_id, "video_id": held.video_id, "frame_batch_id": held.id}
    with action(env.log, "consume", **ids, attempt=held.attempt) as outcome:
        try:
            work = env.works.of(
                held.job_id,
                lambda: env.database.read(SYSTEM, partial(jobs.work, job_id=held.job_id)),
            )
            tries = env.timing.steps["consume"].tries
            if work.is_canceling:
                result: Outcome = _dropped(env, held)
            elif _is_there(env, held):  # a worker died between its last two steps
                result = _done(env, held)
            elif held.attempt > tries:
                result = _dead(env, held, "worker_died", failures.died("worker", tries))
            else:
                env.objects.put(held.results_key, _call(env, held, work, seconds), once=True)
                result = _done(env, held)
        except Exception as error:
            outcome["error"] = error.message if isinstance(error, PodiumError) else repr(error)
            result = _failed(env, held, error)
        outcome["result"] = result
        return result


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


def _done(env: Environment, held: Claim) -> Outcome:
    applied = env.database.write(
        SYSTEM,
        partial(jobs.complete_batch, batch_id=held.id, job_id=held.job_id, now=env.now()),
    )
    return "done" if applied else "duplicate"


def _failed(env: Environment, held: Claim, error: Exception) -> Outcome:
    told, step = failures.describe(error), env.timing.steps["consume"]
    final = isinstance(error, PodiumError) and failures.is_final(error)
    counts = failures.counts(error)
    if final or (counts and held.attempt >= step.tries):
        return _dead(env, held, told.code, told.message)
    available = env.now() + timedelta(seconds=step.pause_s(held.attempt))
    released = partial(
        leases.release,
        held=held,
        available_at=available,
        counts=counts,
        code=told.code,
        message=told.message,
        now=env.now(),
    )
    return "retry" if env.database.write(SYSTEM, released) else "duplicate"


def _dropped(env: Environment, held: Claim) -> Outcome:
    ended = env.database.write(SYSTEM, partial(jobs.drop_batch, held=held, now=env.now()))
    return "dead" if ended else "duplicate"


def _dead(env: Environment, held: Claim, code: str, message: str) -> Outcome:
    ended = env.database.write(
        SYSTEM,
        partial(jobs.fail_batch, held=held, code=code, message=message, now=env.now()),
    )
    return "dead" if ended else "duplicate"
