"""Changes of a job that its callers may make."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from podium.errors import Conflict, Forbidden, Outdated, Unprocessable
from podium.jobs.sql import jobs
from podium.jobs.sql.schema.tables import Project
from podium.jobs.sql.schema.work_tables import FrameBatch, Job
from podium.jobs.sql.statements import changed
from podium.jobs.sql.tenancy import principal_of
from podium.schemas.jobs import JobUpdate
from podium.schemas.states import OPEN_BATCH, PRIORITIES, Priority


def update_job(
    session: Session, job_id: int, wanted: JobUpdate, *, version: int | None, now: datetime
) -> None:
    """Change a job; fields that are not given do not change.

    Args:
        session: Session of the principal.
        job_id: Id of the job.
        wanted: The changes.
        version: The version that the caller knows; None: any.
        now: The current time.

    Raises:
        NotFound: there is no such job.
        Outdated: the job has another version now.
        Unprocessable: a field must not be null.
        Conflict: the job has ended, so that it has no priority.
        Forbidden: the priority is above that of the project.
    """
    job = jobs.get(session, job_id)
    if version is not None and job.version != version:
        raise Outdated(f"job {job_id} is at version {job.version}; read it again")
    given = wanted.model_fields_set
    for name in ("job_name", "priority"):
        if name in given and getattr(wanted, name) is None:
            raise Unprocessable("must not be null", field=name)
    if wanted.job_name is not None:
        job.job_name = wanted.job_name
    if wanted.priority is not None:
        _prioritize(session, job, wanted.priority)
    if "retain_days" in given:
        job.retain_days = wanted.retain_days
        if job.finished_at is not None:
            days = wanted.retain_days
            job.retain_until = None if days is None else job.finished_at + timedelta(days=days)
    job.updated_at = now
    try:
        session.flush()
    except StaleDataError:
        raise Outdated(f"job {job_id} has changed meanwhile; read it again") from None


def _prioritize(session: Session, job: Job, priority: Priority) -> None:
    if not job.is_open:
        raise Conflict(f"job {job.id} is {job.job_status}: nothing of it waits")
    project = session.scalars(select(Project).where(Project.id == job.project_id)).one()
    rank = PRIORITIES.index
    if not principal_of(session).is_admin and rank(priority) > rank(project.project_priority):
        raise Forbidden(f"the project is {project.project_priority}; an administrator may do this")
    job.priority = priority
    waiting = update(FrameBatch).where(
        FrameBatch.job_id == job.id, FrameBatch.frame_batch_status.in_(OPEN_BATCH)
    )
    changed(session, waiting.values(priority=priority))
