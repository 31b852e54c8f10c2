"""Rows of jobs: due jobs, their leases, and their transitions between states."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from podium.errors import NotFound
from podium.jobs.sql import batches, events
from podium.jobs.sql.schema.tables import Pipeline, Project
from podium.jobs.sql.schema.work_tables import Job, Video
from podium.jobs.sql.statements import changed
from podium.jobs.sql.tenancy import OwnedRows, Reads
from podium.schemas.jobs import EventType, JobError, JobParameters
from podium.schemas.states import OPEN_BATCH, TERMINAL, JobState, may_become


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a job."""

    state: JobState
    step_attempts: int
    deadline_at: datetime
    video_ids: list[int]

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True)
class Work:
    """How to run the frame batches of a job."""

    gateway_url: str | None
    endpoint: str
    parameters: JobParameters
    is_canceling: bool


class RowChange(Protocol):
    """Changes the row of a frame batch; returns False if that is no longer allowed."""

    def __call__(self, session: Session, *, now: datetime) -> bool: ...


_EVENTS: dict[JobState, EventType] = {
    "initializing": "job.started",
    "succeeded": "job.succeeded",
    "partially_succeeded": "job.succeeded",
    "failed": "job.failed",
    "expired": "job.failed",
    "canceled": "job.canceled",
}


def get(session: Session, job_id: int) -> Job:
    """The row of a job. Raises NotFound."""
    job = session.scalars(select(Job).where(Job.id == job_id)).one_or_none()
    if job is None:
        raise NotFound(f"there is no job {job_id}")
    return job


def videos(session: Session, job_id: int) -> list[Video]:
    """The rows of the videos of a job, in the order of the upload."""
    return list(
        session.scalars(select(Video).where(Video.job_id == job_id).order_by(Video.ordinal))
    )


def status(session: Session, job_id: int) -> Status:
    """The status of a job. Raises NotFound."""
    job = get(session, job_id)
    ids = [video.id for video in videos(session, job_id)]
    return Status(cast(JobState, job.job_status), job.step_attempts, job.deadline_at, ids)


def transition(
    session: Session,
    job_id: int,
    following: JobState,
    now: datetime,
    *,
    error: JobError | None = None,
) -> bool:
    """Move a job to a state; returns False if that transition is not allowed.

    Also writes the event of the transition. A job that has ended is no longer due.
    """
    job = session.execute(
        select(Job.job_status, Job.state_times, Job.project_id, Job.retain_days).where(
            Job.id == job_id
        )
    ).one_or_none()
    if job is None or not may_become(cast(JobState, job.job_status), following):
        return False
    ends = following in TERMINAL
    values: dict[str, Any] = {
        "job_status": following,
        "state_times": {**job.state_times, following: now.isoformat()},
        "updated_at": now,
        "version": Job.version + 1,
        "step_attempts": 0,
        "due_at": now,
        "is_open": not ends,
        "finished_at": now if ends else None,
    }
    if ends and job.retain_days is not None:
        values["retain_until"] = now + timedelta(days=job.retain_days)
    if ends or error is not None:
        values |= error_columns(error)
    held = update(Job).where(Job.id == job_id, Job.job_status == job.job_status)
    if not changed(session, held.values(**values)):
        return False
    if kind := _EVENTS.get(following):
        data: dict[str, Any] = {"state": following}
        if error is not None:
            data["error"] = error.model_dump(mode="json")
        events.add(session, kind, project_id=job.project_id, job_id=job_id, data=data, now=now)
    return True


def error_columns(error: JobError | None) -> dict[str, Any]:
    """The columns of an error."""
    return {
        "error_code": None if error is None else error.code,
        "error_message": None if error is None else error.message[:1000],
        "error_retryable": error is not None and error.retryable,
    }


_jobs = cast(Table, Job.__table__)
_DUE = OwnedRows(
    select(_jobs.c.id)
    .where(
        _jobs.c.is_open.is_(True),
        _jobs.c.due_at <= bindparam("now"),
        or_(_jobs.c.owner.is_(None), _jobs.c.lease_until < bindparam("now")),
    )
    .order_by(_jobs.c.due_at)
    .limit(bindparam("size"))
)


def due(by: Reads, now: datetime, limit: int) -> list[int]:
    """Ids of jobs that have not ended, need a step now, and have no lease."""
    return list(_DUE(by, now=now, size=limit).scalars())


def claim(session: Session, job_id: int, owner: str, now: datetime, until: datetime) -> bool:
    """Lease a job for one step; returns False if another owner has it."""
    return bool(
        changed(
            session,
            update(Job)
            .where(Job.id == job_id, _is_due(now))
            .values(owner=owner, lease_until=until, step_attempts=Job.step_attempts + 1),
        )
    )


def hold(session: Session, job_id: int, owner: str, now: datetime, until: datetime) -> bool:
    """Lease a job for one step, due or not; returns False if another owner has it or it has ended.

    The same owner may lease it again: its last attempt has died.
    """
    free = or_(Job.owner.is_(None), Job.lease_until < now, Job.owner == owner)
    values = {"owner": owner, "lease_until": until, "step_attempts": Job.step_attempts + 1}
    held = update(Job).where(Job.id == job_id, Job.is_open.is_(True), free)
    return bool(changed(session, held.values(**values)))


def postpone(session: Session, job_id: int, due_at: datetime) -> None:
    """Set the time at which a job is due if no step is taken before."""
    held = update(Job).where(Job.id == job_id, Job.is_open.is_(True), Job.owner.is_(None))
    changed(session, held.values(due_at=due_at))


def heartbeat(session: Session, owner: str, ids: Collection[int], until: datetime) -> int:
    """Extend the leases of an owner."""
    held = update(Job).where(Job.id.in_(ids), Job.owner == owner)
    return changed(session, held.values(lease_until=until))


def release(
    session: Session, job_id: int, owner: str, due_at: datetime, *, attempts: int | None
) -> None:
    """Release a job until ``due_at``; ``attempts`` None: the count does not change."""
    values: dict[str, Any] = {"owner": None, "lease_until": None, "due_at": due_at}
    if attempts is not None:
        values["step_attempts"] = attempts
    changed(session, update(Job).where(Job.id == job_id, Job.owner == owner).values(**values))


def poke(session: Session, job_id: int, now: datetime) -> None:
    """Make a job due now."""
    changed(session, update(Job).where(Job.id == job_id, Job.due_at > now).values(due_at=now))


def end_work(
    session: Session, changes: Sequence[tuple[int, RowChange]], now: datetime
) -> list[bool]:
    """Write how work on frame batches has ended; jobs whose last batch has ended become due.

    Args:
        session: Session of the principal.
        changes: (id of the job, change of the frame batch's row).
        now: The current time.

    Returns:
        Which rows have changed; the others had ended before, or their lease is lost.
    """
    applied = [change(session, now=now) for _, change in changes]
    touched = {job_id for (job_id, _), is_new in zip(changes, applied, strict=True) if is_new}
    for job_id in sorted(touched):
        if not batches.is_any_open(session, job_id):
            poke(session, job_id, now)
    return applied


def work(session: Session, job_id: int) -> Work:
    """How to run the frame batches of a job. Raises NotFound."""
    row = session.execute(
        select(
            Job.effective_parameters,
            Job.job_status,
            Pipeline.pipeline_endpoint,
            Project.project_gateway_url,
        )
        .join(Pipeline, Pipeline.id == Job.pipeline_id)
        .join(Project, Project.id == Job.project_id)
        .where(Job.id == job_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    parameters = JobParameters.model_validate(row.effective_parameters)
    stopped = row.job_status == "canceling" or row.job_status in TERMINAL
    return Work(row.project_gateway_url, row.pipeline_endpoint, parameters, stopped)


def stop_work(session: Session, job_id: int, now: datetime) -> int:
    """End all frame batches of a job that have not ended."""
    return batches.cancel(session, job_id, OPEN_BATCH, now)


def request_cancel(session: Session, job_id: int, now: datetime) -> bool:
    """Begin to cancel a job; returns False if it has ended or is canceling already."""
    if not transition(session, job_id, "canceling", now):
        return False
    batches.cancel(session, job_id, ("pending", "submitted"), now)
    return True


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(
        Job.is_open.is_(True),
        Job.due_at <= now,
        or_(Job.owner.is_(None), Job.lease_until < now),
    )
