"""Takes the next step of a job; for any caller of steps."""

from __future__ import annotations

from functools import partial

from podium.errors import PodiumError
from podium.jobs import failures
from podium.jobs.environment import Environment
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import collecting, jobs
from podium.jobs.sql.jobs import Status
from podium.jobs.steps import check, collect, initialize, submit
from podium.jobs.timing import StepName
from podium.schemas.jobs import JobError
from podium.schemas.states import JobState

_STEP: dict[JobState, StepName] = {
    "queued": "initialize",
    "initializing": "initialize",
    "submitting": "submit",
    "processing": "check",
    "canceling": "check",
    "collecting": "collect",
}


def reconcile(env: Environment, job_id: int) -> float | None:
    """Take the next step of a job.

    Returns:
        Seconds until the next call; None: the job has ended.

    Raises:
        PodiumError: the step failed and may succeed later; ``give_up`` limits the attempts.
    """
    status = env.database.read(SYSTEM, partial(jobs.status, job_id=job_id))
    if status.is_terminal:
        return None
    if is_late(env, status):
        conclude(env, job_id)
        return None
    if status.state in ("queued", "initializing"):
        initialize(env, job_id)
    elif status.state == "submitting":
        for video_id in status.video_ids:
            submit(env, video_id)
        to(env, job_id, "processing")
    elif status.state == "collecting":
        collect(env, job_id)
    elif check(env, job_id).pending:  # processing or canceling
        return env.timing.check_every_s
    elif status.state == "processing":
        to(env, job_id, "collecting")
    else:
        conclude(env, job_id)
    return 0.0


def is_late(env: Environment, status: Status) -> bool:
    """Whether a job has missed its deadline; a canceling job has not."""
    return status.state != "canceling" and env.now() >= status.deadline_at


def conclude(env: Environment, job_id: int, *, seconds: float | None = None) -> JobState:
    """End a job that is collecting, canceling or late; returns its new state.

    Args:
        env: The environment.
        job_id: Id of the job.
        seconds: See ``collect``.

    Raises:
        PodiumError: postprocessing failed and may succeed later.
    """
    status = env.database.read(SYSTEM, partial(jobs.status, job_id=job_id))
    if status.is_terminal:
        return status.state
    ends_as: JobState | None = "canceled" if status.state == "canceling" else None
    if is_late(env, status):
        env.database.write(SYSTEM, partial(jobs.stop_work, job_id=job_id, now=env.now()))
        ends_as = "expired"
    return collect(env, job_id, ends_as=ends_as, seconds=seconds)


def step_of(state: JobState) -> StepName:
    """The next step of a job in this state."""
    return _STEP[state]


def give_up(env: Environment, job_id: int, attempts: int, error: Exception) -> bool:
    """End a job whose step has failed finally; returns False if it will be retried."""
    status = env.database.read(SYSTEM, partial(jobs.status, job_id=job_id))
    if status.is_terminal:
        return True
    step = env.timing.steps[step_of(status.state)]
    final = isinstance(error, PodiumError) and failures.is_final(error)
    if not final and (attempts < step.tries or not failures.counts(error)):
        return False
    return fail(env, job_id, failures.describe(error))


def fail(env: Environment, job_id: int, error: JobError) -> bool:
    """End a job without results, with all its open work."""
    now = env.now()
    env.database.write(SYSTEM, partial(jobs.stop_work, job_id=job_id, now=now))
    state: JobState = "failed"
    if env.database.read(SYSTEM, partial(jobs.status, job_id=job_id)).state == "canceling":
        state = "canceled"
    end = partial(collecting.end_all, job_id=job_id, state=state, error=error, now=now)
    env.database.write(SYSTEM, end)
    return True


def pause_s(env: Environment, state: JobState, attempts: int) -> float:
    """Seconds to wait before a step is retried."""
    return env.timing.steps[step_of(state)].pause_s(max(1, attempts))


def to(env: Environment, job_id: int, state: JobState) -> None:
    """Move a job to a state, if that transition is allowed."""
    env.database.write(
        SYSTEM, partial(jobs.transition, job_id=job_id, following=state, now=env.now())
    )
