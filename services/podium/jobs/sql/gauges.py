"""Numbers for metrics: waiting work and its age, work in progress, speed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from podium.jobs.sql.schema.work_tables import FrameBatch, Job
from podium.jobs.sql.tenancy import OwnedRows, Reads

_LATE_S = 900.0

_jobs, _batches = cast(Table, Job.__table__), cast(Table, FrameBatch.__table__)
_JOBS_BY_STATE = OwnedRows(
    select(_jobs.c.job_status, func.count())
    .where(_jobs.c.is_open.is_(True))
    .group_by(_jobs.c.job_status)
)
_BATCHES_BY_CLASS = OwnedRows(
    select(
        _batches.c.priority,
        _batches.c.frame_batch_status,
        func.count(),
        func.min(_batches.c.created_at),
    )
    .where(_batches.c.frame_batch_status.in_(("submitted", "processing")))
    .group_by(_batches.c.priority, _batches.c.frame_batch_status)
)


@dataclass(frozen=True, slots=True)
class Gauges:
    """Numbers over all projects that the principal sees."""

    jobs: dict[str, int]
    """State -> number of jobs that have not ended."""

    waiting: dict[str, int]
    """Class -> number of waiting frame batches."""

    oldest_s: dict[str, float]
    """Class -> wait of the oldest frame batch."""

    at_work: dict[str, int]
    """Class -> number of frame batches at work."""


def gauges(by: Reads, now: datetime) -> Gauges:
    """Count the work that has not ended."""
    waiting: dict[str, int] = {}
    oldest: dict[str, float] = {}
    at_work: dict[str, int] = {}
    for priority, state, count, first in _BATCHES_BY_CLASS(by):
        if state == "processing":
            at_work[priority] = count
        else:
            waiting[priority] = count
            oldest[priority] = max(0.0, (now - first).total_seconds())
    by_state = {row[0]: row[1] for row in _JOBS_BY_STATE(by)}
    return Gauges(by_state, waiting, oldest, at_work)


def frames_per_s(session: Session, project_id: int, now: datetime) -> float | None:
    """Frames per second of a project in the last minutes; None if nothing has ended.

    Only the time counts in which a job had frame batches that ended then: from when the first was
    made, or the beginning of these minutes, until the last ended.
    """
    since = now - timedelta(seconds=_LATE_S)
    rows = session.execute(
        select(
            func.sum(FrameBatch.frame_count),
            func.min(FrameBatch.created_at),
            func.max(FrameBatch.updated_at),
        )
        .where(
            FrameBatch.frame_batch_status == "succeeded",
            FrameBatch.project_id == project_id,
            FrameBatch.updated_at > since,
        )
        .group_by(FrameBatch.job_id)
    ).all()
    busy_s, until = 0.0, since
    for _, first, last in sorted(rows, key=lambda row: row[1]):
        busy_s += max(0.0, (last - max(first, until)).total_seconds())
        until = max(until, last)
    return float(sum(row[0] for row in rows)) / busy_s if busy_s else None


def waiting_of(session: Session, project_id: int, priority: str) -> int:
    """Number of waiting frame batches of a project and class."""
    return session.scalars(
        select(func.count(FrameBatch.id)).where(
            FrameBatch.frame_batch_status == "submitted",
            FrameBatch.project_id == project_id,
            FrameBatch.priority == priority,
        )
    ).one()
