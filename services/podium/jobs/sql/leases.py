"""Leases of frame batches: claimed in bulk, kept by heartbeats, ended by conditional updates.

A lease is (owner, until, attempt). A worker that has lost its lease cannot change the row, with
one exception: the first result counts, from any worker.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Table, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from podium.jobs.failures import died
from podium.jobs.sql.schema.work_tables import FrameBatch
from podium.jobs.sql.statements import changed, directly
from podium.jobs.sql.tenancy import AnyRow
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


_batches = cast(Table, FrameBatch.__table__)
_COLUMNS = (
    _batches.c.id,
    _batches.c.video_id,
    _batches.c.job_id,
    _batches.c.project_id,
    _batches.c.attempt,
    _batches.c.frame_batch_input_path,
    _batches.c.frame_batch_results_path,
    _batches.c.frame_batch_start_number,
    _batches.c.frame_count,
    _batches.c.step,
)
# Rows that are read here are locked until the commit; SQLite has one writer in any case.
_WAITING = (
    select(*_COLUMNS)
    .where(
        _batches.c.frame_batch_status == "submitted",
        _batches.c.available_at <= bindparam("now"),
        _batches.c.project_id == bindparam("project"),
        _batches.c.priority == bindparam("class"),
    )
    .order_by(_batches.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_left = and_(
    _batches.c.frame_batch_status == "processing",
    or_(_batches.c.lease_until < bindparam("now"), _batches.c.owner == bindparam("holder")),
)
_FREE = (
    select(*_COLUMNS)
    .where(
        _batches.c.id == bindparam("batch"),
        or_(_batches.c.frame_batch_status.in_(("pending", "submitted")), _left),
    )
    .with_for_update()
)
_TAKE = (
    update(_batches)
    .where(_batches.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        frame_batch_status="processing",
        owner=bindparam("holder"),
        lease_until=bindparam("until"),
        attempt=_batches.c.attempt + 1,
        updated_at=bindparam("now"),
    )
)


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
    wanted = {"project": project_id, "class": priority, "most": limit, "now": now}
    waiting = directly(session, _WAITING, wanted).all()
    return _take(session, owner, waiting, now=now, until=until)


def claim_one(
    session: Session, owner: str, batch_id: int, *, now: datetime, until: datetime
) -> Claim | None:
    """Claim one batch from a stream, unless another owner works on it or it has ended.

    The same owner may claim it again, such as a Lambda that gets a record again after a crash.
    """
    free = directly(session, _FREE, {"batch": batch_id, "holder": owner, "now": now}).all()
    taken = _take(session, owner, free, now=now, until=until)
    return taken[0] if taken else None


def _take(
    session: Session, owner: str, free: Sequence[AnyRow], *, now: datetime, until: datetime
) -> list[Claim]:
    """Lease rows that this transaction has locked."""
    if not free:
        return []
    ids = [row.id for row in free]
    directly(session, _TAKE, {"ids": ids, "holder": owner, "until": until, "now": now})
    return [
        Claim(
            id=row.id,
            video_id=row.video_id,
            job_id=row.job_id,
            project_id=row.project_id,
            owner=owner,
            attempt=row.attempt + 1,
            input_address=row.frame_batch_input_path,
            results_key=row.frame_batch_results_path,
            start=row.frame_batch_start_number,
            count=row.frame_count,
            step=row.step,
        )
        for row in free
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


_COMPLETE = (
    update(_batches)
    .where(
        _batches.c.id == bindparam("batch_id"),
        # By IN, the parameters would be taken apart anew each time.
        or_(*(_batches.c.frame_batch_status == state for state in OPEN_BATCH)),
    )
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
