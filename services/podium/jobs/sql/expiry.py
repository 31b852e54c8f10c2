"""Expired rows: data of jobs, unfinished uploads, idempotency keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from podium.jobs.sql.schema.tables import IdempotencyKey, Upload
from podium.jobs.sql.schema.work_tables import Job
from podium.jobs.sql.statements import changed

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class LostUpload:
    """An upload that was not finished in time."""

    object_key: str
    store_upload_id: str | None


def jobs_to_forget(session: Session, now: datetime) -> list[int]:
    """Ids of ended jobs whose data has expired."""
    return list(
        session.scalars(
            select(Job.id)
            .where(Job.retain_until < now, Job.data_deleted_at.is_(None), Job.is_open.is_(False))
            .limit(_AT_ONCE)
        )
    )


def abort_uploads(session: Session, now: datetime) -> list[LostUpload]:
    """Abort the uploads that were not finished in time; returns them."""
    late = select(Upload).where(Upload.upload_status == "pending", Upload.expires_at < now)
    rows = session.scalars(late.limit(_AT_ONCE)).all()
    ids = [row.id for row in rows]
    aborted = {"upload_status": "aborted", "updated_at": now, "version": Upload.version + 1}
    changed(session, update(Upload).where(Upload.id.in_(ids)).values(**aborted))
    return [LostUpload(row.object_key, row.store_upload_id) for row in rows]


def forget_answers(session: Session, now: datetime) -> int:
    """Delete the expired answers to idempotency keys; returns their number."""
    return changed(session, delete(IdempotencyKey).where(IdempotencyKey.expires_at < now))
