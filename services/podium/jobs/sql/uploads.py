"""Rows of uploads."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from podium.errors import Conflict, Forbidden, NotFound
from podium.jobs.objects import upload_key
from podium.jobs.sql.catalogue import Kind
from podium.jobs.sql.schema.tables import Upload
from podium.jobs.sql.tenancy import principal_of
from podium.schemas import objects as schemas
from podium.schemas.objects import UploadCreate, UploadState

UPLOAD = Kind("upload", Upload, schemas.Upload, {})


def insert(
    session: Session, wanted: UploadCreate, *, part_size: int | None, seconds: float, now: datetime
) -> Upload:
    """Create the row of a new upload. Raises Forbidden without a project."""
    principal = principal_of(session)
    if principal.project_id is None:
        raise Forbidden("uploads belong to a project, and this key has none")
    row = Upload(
        project_id=principal.project_id,
        user_id=principal.user_id,
        upload_name=wanted.upload_name,
        upload_status="pending",
        size_bytes=wanted.size_bytes,
        object_key="",
        part_size=part_size,
        expires_at=now + timedelta(seconds=seconds),
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    row.object_key = upload_key(row.project_id, row.id)
    session.flush()
    return row


def get(session: Session, upload_id: int) -> Upload:
    """The row of an upload. Raises NotFound."""
    row = session.scalars(select(Upload).where(Upload.id == upload_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no upload {upload_id}")
    return row


def name_in_store(session: Session, upload_id: int, name: str) -> Upload:
    """Store the object store's name of an upload in parts."""
    row = get(session, upload_id)
    row.store_upload_id = name
    session.flush()
    return row


def end(session: Session, upload_id: int, state: UploadState, now: datetime) -> Upload:
    """End an upload; has no effect if it has ended in this state before.

    Raises:
        NotFound: there is no such upload.
        Conflict: it has ended in another way.
    """
    row = get(session, upload_id)
    if row.upload_status == state:
        return row
    if row.upload_status != "pending":
        raise Conflict(f"upload {upload_id} is {row.upload_status}")
    row.upload_status, row.updated_at = state, now
    session.flush()
    return row
