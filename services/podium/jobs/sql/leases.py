"""Leases of frame batches: claimed in bulk, kept by heart-beats, ended by conditional updates.

A lease is (owner, until, attempt). Whatever a worker does with a batch that has meanwhile been
given to another one changes no row, except that a result counts whoever brings it first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from podium.jobs.failures import died
from podium.jobs.sql.schema.work_tables import FrameBatch
from podium.jobs.sql.statements import changed
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
    """Take up to ``limit`` batches that wait, the oldest first."""
    waiting = and_(FrameBatch.frame_batch_status == "submitted", due(now))
    candidates = (
        select(FrameBatch.id)
        .where(waiting, FrameBatch.project_id == project_id, FrameBatch.priority == priority)
        .order_by(FrameBatch.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # SQLite has one writer and leaves it out
    )
    return _take(session, owner, list(session.scalars(candidates)), waiting, now=now, until=until)


def claim_one(
    session: Session, owner: str, batch_id: int, *, now: datetime, until: datetime
) -> Claim | None:
    """Take one batch that a stream has named, unless another works on it or it has ended.

    What the same owner held before is taken again: it has lost its memory, as a Lambda that is
    given a record once more after a crash.
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
    # What was free before and is ours now was taken here.
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
    """Say that the owner still works on these; gives how many it still holds."""
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


def complete(session: Session, batch_id: int, now: datetime) -> bool:
    """Say that the result is there; False where somebody has said so before, or it was canceled."""
    return bool(
        changed(
            session,
            update(FrameBatch)
            .where(FrameBatch.id == batch_id, FrameBatch.frame_batch_status.in_(OPEN_BATCH))
            .values(
                frame_batch_status="succeeded",
                owner=None,
                lease_until=None,
                error_code=None,
                error_message=None,
                updated_at=now,
            ),
        )
    )


def fail(session: Session, held: Claim, code: str, message: str, now: datetime) -> bool:
    """End a batch without a result; False where it is no longer held."""
    values = {"frame_batch_status": "failed", "error_code": code, "error_message": message[:1000]}
    return _give_up(session, held, values, now)


def drop(session: Session, held: Claim, now: datetime) -> bool:
    """End a batch whose job was canceled before it began; False where it is no longer held."""
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
    """Give a batch back, to be tried again from ``available_at`` on."""
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
    """Offer the batches of workers that died again; one that killed ``tries`` of them has failed.

    Gives those that were offered again.
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
    """End the batches of workers that died."""
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
    """That a batch which is tried again has waited long enough."""
    return FrameBatch.available_at <= now
