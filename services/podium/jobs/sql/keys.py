"""API keys: shown once, stored as a hash, limited by scopes and time."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from podium.errors import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable
from podium.jobs.principal import Principal
from podium.jobs.sql import catalogue
from podium.jobs.sql.catalogue import Kind
from podium.jobs.sql.schema.tables import ApiKey, Project, User
from podium.jobs.sql.statements import changed
from podium.jobs.sql.tenancy import principal_of
from podium.schemas import objects as schemas
from podium.schemas.base import Page
from podium.schemas.objects import ApiKeyCreate, NewApiKey

PREFIX = "podium_"
_SECRET_BYTES = 32
_LIVE_KEYS = 2
_USED_EVERY = timedelta(minutes=1)

API_KEY = Kind("api_key", ApiKey, schemas.ApiKey, {})


def create(session: Session, wanted: ApiKeyCreate, now: datetime) -> NewApiKey:
    """Create a key; its secret is only in this answer.

    Raises:
        Forbidden: it would have more scopes than the key of the request, or another user.
        Unprocessable: there is no such project or user.
        Conflict: the user has two keys already (one to use, one to change to).
    """
    principal = principal_of(session)
    project_id = wanted.project_id if wanted.project_id is not None else principal.project_id
    if not principal.is_admin and not set(wanted.scopes) <= principal.scopes:
        raise Forbidden("a key cannot give scopes that it does not have")
    if project_id is None or session.get(Project, project_id) is None:
        raise Unprocessable("there is no such project", field="project_id")
    user_id = principal.user_id if wanted.user_id is None else wanted.user_id
    _require_own(principal, user_id)
    if user_id is not None:
        _check_user(session, user_id, project_id, now)
    secret = f"{PREFIX}{secrets.token_urlsafe(_SECRET_BYTES)}"
    row = ApiKey(
        project_id=project_id,
        user_id=user_id,
        api_key_name=wanted.api_key_name,
        key_hash=hash_of(secret),
        scopes=list(wanted.scopes),
        created_at=now,
        expires_at=wanted.expires_at,
    )
    session.add(row)
    session.flush()
    shown = schemas.ApiKey.model_validate(row)
    return NewApiKey(**shown.model_dump(), secret=secret)


def authenticate(session: Session, secret: str, now: datetime) -> Principal:
    """The principal of a key; the session is that of the system.

    The hash is of 256 random bits, so the look-up reveals nothing about other keys.

    Raises:
        Unauthorized: the key is unknown, revoked, or has expired.
    """
    row = session.scalars(select(ApiKey).where(ApiKey.key_hash == hash_of(secret))).one_or_none()
    if row is None or row.revoked_at is not None:
        raise Unauthorized("this API key is not known")
    if row.expires_at is not None and row.expires_at <= now:
        raise Unauthorized("this API key has expired; make a new one")
    return Principal(row.project_id, frozenset(row.scopes), row.user_id)


def note_use(session: Session, secret: str, now: datetime) -> None:
    """Write the time of a key's last use, to the minute."""
    stale = (ApiKey.last_used_at.is_(None)) | (ApiKey.last_used_at < now - _USED_EVERY)
    used = update(ApiKey).where(ApiKey.key_hash == hash_of(secret), stale)
    changed(session, used.values(last_used_at=now))


def list_page(session: Session, *, limit: int, cursor: str | None) -> Page[schemas.ApiKey]:
    """The keys of the project, including revoked ones."""
    return catalogue.list_page(session, API_KEY, limit=limit, cursor=cursor)


def revoke(session: Session, key_id: int, now: datetime) -> schemas.ApiKey:
    """Revoke a key; a second call has no effect. Raises NotFound or Forbidden."""
    row = session.scalars(select(ApiKey).where(ApiKey.id == key_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no api_key {key_id}")
    _require_own(principal_of(session), row.user_id)
    if row.revoked_at is None:
        row.revoked_at = now
        session.flush()
    return schemas.ApiKey.model_validate(row)


def has_admin(session: Session, now: datetime) -> bool:
    """Whether there is a valid admin key."""
    rows = session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None)))
    return any(
        "admin" in row.scopes and (row.expires_at is None or row.expires_at > now) for row in rows
    )


def hash_of(secret: str) -> str:
    """The hash of a key, which is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_user(session: Session, user_id: int, project_id: int, now: datetime) -> None:
    user = session.scalars(select(User).where(User.id == user_id)).one_or_none()
    if user is None or user.project_id != project_id:
        raise Unprocessable("there is no such user in the project", field="user_id")
    rows = session.scalars(
        select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
    )
    live = [row for row in rows if row.expires_at is None or row.expires_at > now]
    if len(live) >= _LIVE_KEYS:
        raise Conflict("the user has two keys already; revoke one of them first")


def _require_own(principal: Principal, user_id: int | None) -> None:
    """Raise Forbidden if the principal's key belongs to a user other than ``user_id``."""
    if not principal.is_admin and principal.user_id not in (None, user_id):
        raise Forbidden("the key of a user makes and revokes keys of this user alone")
