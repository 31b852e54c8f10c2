"""Creates, offers, counts and reopens frame batches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, case, func, insert, select, update
from sqlalchemy.orm import Session

from podium.jobs.sql.schema.tables import Project
from podium.jobs.sql.schema.work_tables import FrameBatch, Job
from podium.jobs.sql.statements import changed, directly
from podium.jobs.sql.tenancy import AnyRow
from podium.schemas.states import OPEN_BATCH, Priority


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A frame batch to create."""

    start: int
    end: int
    count: int
    results_key: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Numbers of waiting frame batches of a class and project, and of those at work."""

    project_id: int
    priority: Priority
    waiting: int
    at_work: int
    concurrency: int


def _one(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return case((and_(*conditions), 1), else_=0)


def insert_batches(
    session: Session,
    job: Job,
    video_id: int,
    batches: Sequence[NewBatch],
    *,
    address: str,
    step: int,
    now: datetime,
) -> None:
    """Create the frame batches of a video; existing ones do not change."""
    known = set(
        session.scalars(
            select(FrameBatch.frame_batch_start_number).where(FrameBatch.video_id == video_id)
        )
    )
    rows = [
        {
            "project_id": job.project_id,
            "job_id": job.id,
            "video_id": video_id,
            "frame_batch_start_number": batch.start,
            "frame_batch_end_number": batch.end,
            "frame_count": batch.count,
            "step": step,
            "frame_batch_input_path": address,
            "frame_batch_results_path": batch.results_key,
            "frame_batch_status": "pending",
            "priority": job.priority,
            "attempt": 0,
            "available_at": now,
            "created_at": now,
            "updated_at": now,
        }
        for batch in batches
        if batch.start not in known
    ]
    if rows:
        session.execute(insert(FrameBatch), rows)


def pending(session: Session, video_id: int) -> list[int]:
    """Ids of a video's batches that are not yet on the stream."""
    return list(
        session.scalars(
            select(FrameBatch.id).where(
                FrameBatch.video_id == video_id, FrameBatch.frame_batch_status == "pending"
            )
        )
    )


def mark_submitted(session: Session, ids: Collection[int], now: datetime) -> int:
    """Offer batches to the workers."""
    return changed(
        session,
        update(FrameBatch)
        .where(FrameBatch.id.in_(ids), FrameBatch.frame_batch_status == "pending")
        .values(frame_batch_status="submitted", available_at=now, updated_at=now),
    )


def untold(session: Session, job_id: int, *, silent_s: float, now: datetime) -> list[int]:
    """Ids of batches that have waited for ``silent_s``: their stream records may be lost.

    That time doubles with each repetition, so that a long queue does not fill with repetitions.
    """
    long_ago = now - timedelta(seconds=silent_s)
    rows = session.execute(
        select(FrameBatch.id, FrameBatch.created_at, FrameBatch.updated_at).where(
            FrameBatch.job_id == job_id,
            FrameBatch.frame_batch_status == "submitted",
            FrameBatch.updated_at < long_ago,
        )
    )
    return [id_ for id_, made, told in rows if now - told > told - made]


def mark_told(session: Session, ids: Collection[int], now: datetime) -> int:
    """Note that waiting batches were announced on a stream."""
    waiting = update(FrameBatch).where(
        FrameBatch.id.in_(ids), FrameBatch.frame_batch_status == "submitted"
    )
    return changed(session, waiting.values(updated_at=now))


_batches, _projects = cast(Table, FrameBatch.__table__), cast(Table, Project.__table__)
_QUEUES = (
    select(
        _batches.c.project_id,
        _batches.c.priority,
        func.sum(
            _one(
                _batches.c.frame_batch_status == "submitted",
                _batches.c.available_at <= bindparam("now"),
            )
        ),
        func.sum(_one(_batches.c.frame_batch_status == "processing")),
        func.min(_projects.c.project_concurrency),
    )
    .join(_projects, _projects.c.id == _batches.c.project_id)
    .where(_batches.c.frame_batch_status.in_(("submitted", "processing")))
    .group_by(_batches.c.project_id, _batches.c.priority)
)


def queues(session: Session, now: datetime) -> list[Queue]:
    """Waiting batches and batches at work, by project and class."""
    rows: Sequence[AnyRow] = directly(session, _QUEUES, {"now": now}).all()
    at_work: dict[int, int] = {}
    for project, _, _, running, _ in rows:
        at_work[project] = at_work.get(project, 0) + int(running)
    return [
        Queue(project, cast(Priority, priority), int(waiting), at_work[project], concurrency)
        for project, priority, waiting, _, concurrency in rows
        if waiting
    ]


def cancel(session: Session, job_id: int, states: Iterable[str], now: datetime) -> int:
    """Cancel the batches of a job that are in the given states."""
    return changed(
        session,
        update(FrameBatch)
        .where(FrameBatch.job_id == job_id, FrameBatch.frame_batch_status.in_(tuple(states)))
        .values(frame_batch_status="canceled", owner=None, lease_until=None, updated_at=now),
    )


def reopen(session: Session, job_id: int, now: datetime) -> int:
    """Reset the batches without a result to new ones."""
    return changed(
        session,
        update(FrameBatch)
        .where(
            FrameBatch.job_id == job_id, FrameBatch.frame_batch_status.in_(("failed", "canceled"))
        )
        .values(
            frame_batch_status="pending",
            attempt=0,
            available_at=now,
            error_code=None,
            error_message=None,
            updated_at=now,
        ),
    )


_ANY_OPEN = (
    select(_batches.c.id)
    .where(_batches.c.job_id == bindparam("job_id"), _batches.c.frame_batch_status.in_(OPEN_BATCH))
    .limit(1)
)


def is_any_open(session: Session, job_id: int) -> bool:
    """Whether any batch of the job has not ended."""
    return directly(session, _ANY_OPEN, {"job_id": job_id}).first() is not None


def counts(session: Session, job_ids: Collection[int]) -> dict[tuple[int, int, str], int]:
    """Number of batches by (job, video, state)."""
    rows = session.execute(
        select(
            FrameBatch.job_id,
            FrameBatch.video_id,
            FrameBatch.frame_batch_status,
            func.count(FrameBatch.id),
        )
        .where(FrameBatch.job_id.in_(job_ids))
        .group_by(FrameBatch.job_id, FrameBatch.video_id, FrameBatch.frame_batch_status)
    )
    return {(job, video, state): count for job, video, state, count in rows}


def of_video(session: Session, video_id: int) -> list[FrameBatch]:
    """All batches of a video, in the order of their frames."""
    return list(
        session.scalars(
            select(FrameBatch)
            .where(FrameBatch.video_id == video_id)
            .order_by(FrameBatch.frame_batch_start_number)
        )
    )
