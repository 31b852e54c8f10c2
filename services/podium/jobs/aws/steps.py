"""The steps as a state machine calls them: one JSON document in, one out.

``job.asl.json`` has the order, the tries and the pauses; the database has the state. So an
execution may begin with a job in any state; if two run for one job, the one that holds it works.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from podium.errors import Unavailable
from podium.jobs.aws import step_errors
from podium.jobs.environment import Environment
from podium.jobs.principal import SYSTEM
from podium.jobs.reconcile import conclude, fail, is_late, to
from podium.jobs.sql import jobs
from podium.jobs.sql.jobs import Status
from podium.jobs.steps import check, initialize, submit

T = TypeVar("T")
Document = dict[str, Any]

PATIENCE_S = 600.0
"""A job that no execution has touched for longer has lost its execution."""


def initialize_job(env: Environment, event: Document, seconds: float) -> Document:
    """``{job_id, execution}`` -> ``{job_id, video_ids}``; no ids if they were submitted before."""
    job_id = int(event["job_id"])

    def work(status: Status) -> None:
        if status.state in ("queued", "initializing") and not is_late(env, status):
            initialize(env, job_id)

    _hold(env, event, seconds, work)
    now = _status(env, job_id)
    return {"job_id": job_id, "video_ids": now.video_ids if now.state == "submitting" else []}


def submit_video(env: Environment, event: Document) -> Document:
    """``{video_id}`` -> ``{batches}``."""
    return {"batches": _told(partial(submit, env, int(event["video_id"])))}


def check_job(env: Environment, event: Document) -> Document:
    """``{job_id}`` -> ``{job_id, next, wait_s}``; next: wait, collect or end."""
    return _told(partial(_check, env, int(event["job_id"])))


def collect_job(env: Environment, event: Document, seconds: float) -> Document:
    """``{job_id, execution}`` -> ``{job_id, state}``; ``collecting`` while there is more to do."""
    job_id = int(event["job_id"])
    _hold(env, event, seconds, lambda _: conclude(env, job_id, seconds=seconds))
    return {"job_id": job_id, "state": _status(env, job_id).state}


def give_up_job(env: Environment, event: Document) -> Document:
    """``{job_id, step, failure}`` -> ``{job_id, state}``: a step has failed for good."""
    job_id, step = int(event["job_id"]), event["step"]
    error = step_errors.read(event["failure"], step, env.timing.steps[step].tries)
    if not _status(env, job_id).is_terminal:
        _told(partial(fail, env, job_id, error))
    return {"job_id": job_id, "state": _status(env, job_id).state}


def _check(env: Environment, job_id: int) -> Document:
    status = _status(env, job_id)
    left_s = (status.deadline_at - env.now()).total_seconds()
    wait_s = env.timing.wait_s(env.timing.job_deadline_s - left_s)
    following = "collect"
    if status.is_terminal:
        following = "end"
    elif not is_late(env, status) and status.state != "collecting":
        to(env, job_id, "processing")
        if check(env, job_id).pending:
            following = "wait"
        else:
            to(env, job_id, "collecting")
    _postpone(env, job_id)
    return {"job_id": job_id, "next": following, "wait_s": wait_s}


def _hold(
    env: Environment, event: Document, seconds: float, work: Callable[[Status], object]
) -> None:
    """Hold a job that has not ended, so that no other execution works on it, and do the work."""
    job_id, owner = int(event["job_id"]), f"execution-{event['execution']}"
    if _status(env, job_id).is_terminal:
        return
    now = env.now()
    take = partial(
        jobs.hold, job_id=job_id, owner=owner, now=now, until=now + timedelta(seconds=seconds)
    )
    if not _told(partial(env.database.write, SYSTEM, take)):
        raise step_errors.told(Unavailable("another execution works on the job"))
    attempts = 0
    try:
        work(_status(env, job_id))
    except Exception as error:
        reason = step_errors.told(error)
        tried = max(1, _status(env, job_id).step_attempts)
        attempts = tried - isinstance(reason, step_errors.StepWaits)
        raise reason from error
    finally:
        due_at = env.now() + timedelta(seconds=PATIENCE_S)
        give_back = partial(
            jobs.release, job_id=job_id, owner=owner, due_at=due_at, attempts=attempts
        )
        _told(partial(env.database.write, SYSTEM, give_back))


def _postpone(env: Environment, job_id: int) -> None:
    due_at = env.now() + timedelta(seconds=PATIENCE_S)
    env.database.write(SYSTEM, partial(jobs.postpone, job_id=job_id, due_at=due_at))


def _status(env: Environment, job_id: int) -> Status:
    return _told(partial(env.database.read, SYSTEM, partial(jobs.status, job_id=job_id)))


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception as error:
        raise step_errors.told(error) from error
