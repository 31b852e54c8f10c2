"""Leases of frame batches: claimed in bulk, kept by heartbeats, ended by conditional updates.

A lease is (owner, until, attempt). A worker that has lost its lease cannot change the row, with
one exception: the first result counts, from any worker.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from podium.jobs.failures import died
from podium.jobs.sql.schema.work_tables import FrameBatch
from podium.jobs.sql.statements import changed, directly
from podium.schemas.states import OPEN_BATCH, Priority


@dataclass(frozen=True, slots=True)
class Claim:
    """A frame batch that a worker holds."""

    id: int
    video_id: int
    job_id: int
    project_id: int
    owner: str
    attempt: int
    input_address: str
    results_key: str
    start: int
    count: int
    step: int


def claim(
    session: Session,
    owner: str,
    *,
    project_id: int,
    priority: Priority,
    limit: int,
    now: datetime,
    until: datetime,
) -> list[Claim]:
    """Claim up to ``limit`` waiting batches, the oldest first."""
    waiting = and_(FrameBatch.frame_batch_status == "submitted", due(now))
    candidates = (
        select(FrameBatch.id)
        .where(waiting, FrameBatch.project_id == project_id, FrameBatch.priority == priority)
        .order_by(FrameBatch.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # no effect in SQLite, which has one writer
    )
    return _take(session, owner, list(session.scalars(candidates)), waiting, now=now, until=until)


def claim_one(
    session: Session, owner: str, batch_id: int, *, now: datetime, until: datetime
) -> Claim | None:
    """Claim one batch from a stream, unless another owner works on it or it has ended.

    The same owner may claim it again, such as a Lambda that gets a record again after a crash.
    """
    lost = or_(FrameBatch.lease_until < now, FrameBatch.owner == owner)
    left = and_(FrameBatch.frame_batch_status == "processing", lost)
    free = or_(FrameBatch.frame_batch_status.in_(("pending", "submitted")), left)
    taken = _take(session, owner, [batch_id], free, now=now, until=until)
    return taken[0] if taken else None


def _take(
    session: Session,
    owner: str,
    ids: Sequence[int],
    free: ColumnElement[bool],
    *,
    now: datetime,
    until: datetime,
) -> list[Claim]:
    if not ids:
        return []
    count = changed(
        session,
        update(FrameBatch)
        .where(FrameBatch.id.in_(ids), free)
        .values(
            frame_batch_status="processing",
            owner=owner,
            lease_until=until,
            attempt=FrameBatch.attempt + 1,
            updated_at=now,
        ),
    )
    if not count:
        return []
    # Rows that were free before and have this owner now were claimed here.
    rows = session.scalars(
        select(FrameBatch)
        .where(
            FrameBatch.id.in_(ids),
            FrameBatch.owner == owner,
            FrameBatch.frame_batch_status == "processing",
            FrameBatch.lease_until == until,
        )
        .order_by(FrameBatch.id)
    )
    return [
        Claim(
            id=row.id,
            video_id=row.video_id,
            job_id=row.job_id,
            project_id=row.project_id,
            owner=owner,
            attempt=row.attempt,
            input_address=row.frame_batch_input_path,
            results_key=row.frame_batch_results_path,
            start=row.frame_batch_start_number,
            count=row.frame_count,
            step=row.step,
        )
        for row in rows
    ]


def heartbeat(session: Session, owner: str, ids: Collection[int], until: datetime) -> int:
    """Extend the leases of an owner; returns how many it still holds."""
    return changed(
        session,
        update(FrameBatch)
        .where(
            FrameBatch.id.in_(ids),
            FrameBatch.owner == owner,
            FrameBatch.frame_batch_status == "processing",
        )
        .values(lease_until=until),
    )


_batches = cast(Table, FrameBatch.__table__)
_COMPLETE = (
    update(_batches)
    .where(_batches.c.id == bindparam("batch_id"), _batches.c.frame_batch_status.in_(OPEN_BATCH))
    .values(
        frame_batch_status="succeeded",
        owner=None,
        lease_until=None,
        error_code=None,
        error_message=None,
        updated_at=bindparam("now"),
    )
)


def complete(session: Session, batch_id: int, now: datetime) -> bool:
    """Note that the result is stored; returns False if it was before, or if it was canceled."""
    return bool(directly(session, _COMPLETE, {"batch_id": batch_id, "now": now}).rowcount)


def fail(session: Session, held: Claim, code: str, message: str, now: datetime) -> bool:
    """End a batch without a result; returns False if the lease is lost."""
    values = {"frame_batch_status": "failed", "error_code": code, "error_message": message[:1000]}
    return _give_up(session, held, values, now)


def drop(session: Session, held: Claim, now: datetime) -> bool:
    """End a batch whose job was canceled before it began; returns False if the lease is lost."""
    return _give_up(session, held, {"frame_batch_status": "canceled"}, now)


def release(
    session: Session,
    held: Claim,
    *,
    available_at: datetime,
    counts: bool,
    code: str,
    message: str,
    now: datetime,
) -> bool:
    """Release a batch, to be retried from ``available_at`` on."""
    values = {
        "frame_batch_status": "submitted",
        "attempt": held.attempt if counts else held.attempt - 1,
        "available_at": available_at,
        "error_code": code,
        "error_message": message[:1000],
    }
    return _give_up(session, held, values, now)


def _give_up(session: Session, held: Claim, values: Mapping[str, object], now: datetime) -> bool:
    return bool(
        changed(
            session,
            update(FrameBatch)
            .where(
                FrameBatch.id == held.id,
                FrameBatch.owner == held.owner,
                FrameBatch.attempt == held.attempt,
                FrameBatch.frame_batch_status == "processing",
            )
            .values(owner=None, lease_until=None, updated_at=now, **values),
        )
    )


def recover(session: Session, job_id: int, *, tries: int, now: datetime) -> list[int]:
    """Offer the batches of dead workers again; after ``tries`` dead workers a batch has failed.

    Returns the ids of the batches that were offered again.
    """
    lapsed = and_(
        FrameBatch.job_id == job_id,
        FrameBatch.frame_batch_status == "processing",
        FrameBatch.lease_until < now,
    )
    free = {"owner": None, "lease_until": None, "updated_at": now}
    changed(
        session,
        update(FrameBatch)
        .where(lapsed, FrameBatch.attempt >= tries)
        .values(
            frame_batch_status="failed",
            error_code="worker_died",
            error_message=died("worker", tries),
            **free,
        ),
    )
    ids = list(session.scalars(select(FrameBatch.id).where(lapsed)))
    if ids:
        offered = update(FrameBatch).where(FrameBatch.id.in_(ids), lapsed)
        changed(session, offered.values(frame_batch_status="submitted", available_at=now, **free))
    return ids


def cancel_lapsed(session: Session, job_id: int, now: datetime) -> int:
    """End the batches of dead workers; returns their number."""
    return changed(
        session,
        update(FrameBatch)
        .where(
            FrameBatch.job_id == job_id,
            FrameBatch.frame_batch_status == "processing",
            FrameBatch.lease_until < now,
        )
        .values(frame_batch_status="canceled", owner=None, lease_until=None, updated_at=now),
    )


def due(now: datetime) -> ColumnElement[bool]:
    """A condition: the batch's pause before a retry is over."""
    return FrameBatch.available_at <= now
