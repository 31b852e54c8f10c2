"""Numbers for metrics: waiting work and its age, work in progress, speed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from podium.jobs.sql.schema.work_tables import FrameBatch, Job

_LATE_S = 900.0


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


def gauges(session: Session, now: datetime) -> Gauges:
    """Count the work that has not ended."""
    states = session.execute(
        select(Job.job_status, func.count(Job.id).label("jobs"))
        .where(Job.is_open.is_(True))
        .group_by(Job.job_status)
    )
    waiting: dict[str, int] = {}
    oldest: dict[str, float] = {}
    at_work: dict[str, int] = {}
    rows = session.execute(
        select(
            FrameBatch.priority,
            FrameBatch.frame_batch_status,
            func.count(FrameBatch.id),
            func.min(FrameBatch.created_at),
        )
        .where(FrameBatch.frame_batch_status.in_(("submitted", "processing")))
        .group_by(FrameBatch.priority, FrameBatch.frame_batch_status)
    )
    for priority, state, count, first in rows:
        if state == "processing":
            at_work[priority] = count
        else:
            waiting[priority] = count
            oldest[priority] = max(0.0, (now - first).total_seconds())
    by_state = {row.job_status: int(row.jobs) for row in states}
    return Gauges(by_state, waiting, oldest, at_work)


def frames_per_s(session: Session, project_id: int, now: datetime) -> float | None:
    """Frames per second of a project in the last minutes; None if nothing has ended."""
    frames, first, last = session.execute(
        select(
            func.sum(FrameBatch.frame_count),
            func.min(FrameBatch.updated_at),
            func.max(FrameBatch.updated_at),
        ).where(
            FrameBatch.frame_batch_status == "succeeded",
            FrameBatch.project_id == project_id,
            FrameBatch.updated_at > now - timedelta(seconds=_LATE_S),
        )
    ).one()
    if frames is None or last <= first:
        return None
    return float(frames) / float((last - first).total_seconds())


def waiting_of(session: Session, project_id: int, priority: str) -> int:
    """Number of waiting frame batches of a project and class."""
    return session.scalars(
        select(func.count(FrameBatch.id)).where(
            FrameBatch.frame_batch_status == "submitted",
            FrameBatch.project_id == project_id,
            FrameBatch.priority == priority,
        )
    ).one()
