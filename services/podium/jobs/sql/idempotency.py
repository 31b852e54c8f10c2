"""Idempotency keys: a request is done once, and its answer is stored for repetitions.

Source: draft-ietf-httpapi-idempotency-key-header-06.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from podium.errors import Conflict, InvalidInput, Unprocessable
from podium.jobs.principal import Principal
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema.tables import IdempotencyKey
from podium.jobs.sql.statements import changed
from podium.jobs.sql.tenancy import principal_of

_LONGEST_KEY = 200
_ABANDONED = timedelta(minutes=2)
"""After this time without an answer, a request is taken as lost with its server."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    status: int
    body: dict[str, Any]


def fingerprint(method: str, path: str, body: bytes) -> str:
    """A hash that distinguishes requests with the same key."""
    return hashlib.sha256(b"\0".join([method.encode(), path.encode(), body])).hexdigest()


def begin(
    database: Database,
    principal: Principal,
    key: str,
    print_of: str,
    *,
    keep_s: float,
    now: datetime,
) -> Answer | None:
    """Begin a request; returns the answer if it was done before, else None.

    Raises:
        InvalidInput: the key is empty or too long.
        Unprocessable: the key was used for another request.
        Conflict: the same request is still in work.
    """
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise InvalidInput(f"must have 1 to {_LONGEST_KEY} characters", field="Idempotency-Key")

    def insert(session: Session) -> None:
        late = delete(IdempotencyKey).where(_is(session, key), IdempotencyKey.expires_at < now)
        changed(session, late)
        session.add(
            IdempotencyKey(
                project_id=principal.project_id,
                idempotency_key=key,
                fingerprint=print_of,
                is_done=False,
                created_at=now,
                expires_at=now + timedelta(seconds=keep_s),
            )
        )
        session.flush()

    try:
        database.write(principal, insert)
    except IntegrityError:
        return database.write(principal, lambda session: _known(session, key, print_of, now))
    return None


def finish(session: Session, key: str, answer: Answer) -> None:
    """Store the answer, in the transaction of the request."""
    done = update(IdempotencyKey).where(_is(session, key))
    changed(
        session,
        done.values(is_done=True, answer_status=answer.status, answer=answer.body),
    )


def forget(session: Session, key: str) -> None:
    """Delete the key of a refused request, so that a corrected request can use it."""
    changed(
        session,
        delete(IdempotencyKey).where(_is(session, key), IdempotencyKey.is_done.is_(False)),
    )


def _is(session: Session, key: str) -> ColumnElement[bool]:
    """A condition for a key of the principal's own project, even if it sees others."""
    return and_(
        IdempotencyKey.idempotency_key == key,
        IdempotencyKey.project_id == principal_of(session).project_id,
    )


def _known(session: Session, key: str, print_of: str, now: datetime) -> Answer | None:
    row = session.scalars(select(IdempotencyKey).where(_is(session, key))).one_or_none()
    if row is None:
        raise Conflict("the same request is still at work; come back a little later")
    if row.fingerprint != print_of:
        raise Unprocessable("was used for another request", field="Idempotency-Key")
    if row.is_done:
        return Answer(row.answer_status or 200, row.answer or {})
    if row.created_at < now - _ABANDONED:
        row.created_at = now  # taken over: the server that began it has died
        return None
    raise Conflict("the same request is still at work; come back a little later")
