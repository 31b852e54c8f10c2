"""Creates, lists, changes and deletes objects of every kind."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from podium.errors import Conflict, Forbidden, InvalidInput, NotFound, Outdated, Unprocessable
from podium.jobs.sql.schema import tables
from podium.jobs.sql.schema.columns import Base, Owned, Shared
from podium.jobs.sql.tenancy import principal_of
from podium.schemas import objects as schemas
from podium.schemas.base import Closed, Page

Shown = TypeVar("Shown", bound=BaseModel)

USUAL_LIMIT, LARGEST_LIMIT = 50, 1000


@dataclass(frozen=True)
class Kind(Generic[Shown]):
    """A kind of objects.

    Args:
        name: Name in operations, such as ``user_group``.
        table: Table of its rows.
        shown: Its schema.
        references: Field -> table to which it refers.
    """

    name: str
    table: type[Any]
    shown: type[Shown]
    references: Mapping[str, type[Any]]


_SET = {"pipeline_parameter_set_id": tables.PipelineParameterSet}
USER = Kind("user", tables.User, schemas.User, {"group_id": tables.UserGroup})
USER_GROUP = Kind("user_group", tables.UserGroup, schemas.UserGroup, _SET)
PROJECT = Kind("project", tables.Project, schemas.Project, {})
PIPELINE = Kind("pipeline", tables.Pipeline, schemas.Pipeline, {})
PIPELINE_PARAMETER_SET = Kind(
    "pipeline_parameter_set", tables.PipelineParameterSet, schemas.PipelineParameterSet, {}
)
PIPELINE_PARAMETERS = Kind(
    "pipeline_parameters",
    tables.PipelineParameters,
    schemas.PipelineParameters,
    {"pipeline_id": tables.Pipeline, **_SET},
)
ATHLETE = Kind("athlete", tables.Athlete, schemas.Athlete, {})

KINDS: tuple[Kind[Any], ...] = (
    USER,
    USER_GROUP,
    PROJECT,
    PIPELINE,
    PIPELINE_PARAMETER_SET,
    PIPELINE_PARAMETERS,
    ATHLETE,
)
"""The kinds for which the functions of this module are sufficient."""


def create(session: Session, kind: Kind[Shown], wanted: Closed, now: datetime) -> Shown:
    """Create an object.

    Raises:
        Unprocessable: it refers to a missing object; the message names the field.
        Forbidden: the principal is not allowed to.
        Conflict: it conflicts with an existing object.
    """
    values = wanted.model_dump(mode="json")
    row = kind.table(**values, created_at=now, updated_at=now)
    _check_references(session, kind, values)
    if issubclass(kind.table, Owned | Shared):
        _give_owner(session, row)
    session.add(row)
    _flush(session, kind)
    return kind.shown.model_validate(row)


def get(session: Session, kind: Kind[Shown], object_id: int) -> Shown:
    """An object. Raises NotFound, also for one of another project."""
    return kind.shown.model_validate(_row(session, kind, object_id))


def list_page(
    session: Session,
    kind: Kind[Shown],
    *,
    limit: int = USUAL_LIMIT,
    cursor: str | None = None,
    **filters: Any,
) -> Page[Shown]:
    """Objects in the order of their ids.

    Args:
        session: Session of the principal.
        kind: Kind of the objects.
        limit: Largest number of objects, at most 1,000.
        cursor: ``next_cursor`` of the page before.
        filters: Column -> value that objects must have; None: any.

    Raises:
        InvalidInput: the cursor is invalid.
    """
    table = kind.table
    wanted = select(table).where(table.id > read_cursor(cursor)).order_by(table.id)
    for name, value in filters.items():
        if value is not None:
            wanted = wanted.where(getattr(table, name) == value)
    size = min(limit, LARGEST_LIMIT)
    rows = session.scalars(wanted.limit(size + 1)).all()
    return page_of([kind.shown.model_validate(row) for row in rows[:size]], len(rows) > size)


def update(
    session: Session,
    kind: Kind[Shown],
    object_id: int,
    wanted: Closed,
    *,
    version: int | None = None,
    now: datetime,
) -> Shown:
    """Change an object; fields that are not given do not change.

    Args:
        session: Session of the principal.
        kind: Kind of the object.
        object_id: Id of the object.
        wanted: The changes.
        version: The version that the caller knows; None: any.
        now: The current time.

    Raises:
        NotFound, Unprocessable, Forbidden, Conflict: as ``create``.
        Outdated: the object has another version now.
    """
    row = _row(session, kind, object_id)
    if version is not None and row.version != version:
        raise Outdated(f"{kind.name} {object_id} is at version {row.version}; read it again")
    values = wanted.model_dump(mode="json", exclude_unset=True)
    _check_references(session, kind, values)
    for name, value in values.items():
        column = kind.table.__table__.c[name]
        if value is None and not column.nullable:
            raise Unprocessable("must not be null", field=name)
        setattr(row, name, value)
    row.updated_at = now
    _flush(session, kind)
    return kind.shown.model_validate(row)


def delete(
    session: Session, kind: Kind[Any], object_id: int, *, version: int | None = None
) -> None:
    """Delete an object.

    Raises:
        NotFound: there is no such object.
        Conflict: others refer to it.
        Outdated: the object has another version now.
    """
    row = _row(session, kind, object_id)
    if version is not None and row.version != version:
        raise Outdated(f"{kind.name} {object_id} is at version {row.version}; read it again")
    session.delete(row)
    _flush(session, kind)


def page_of(items: Sequence[Shown], has_more: bool) -> Page[Shown]:
    """A page; its cursor is the id of the last item."""
    last = getattr(items[-1], "id", 0) if items else 0
    return Page(items=list(items), next_cursor=write_cursor(last) if has_more else None)


def write_cursor(last_id: int) -> str:
    """Encode a place in a list as an opaque text."""
    return base64.urlsafe_b64encode(orjson.dumps({"after": last_id})).decode().rstrip("=")


def read_cursor(cursor: str | None) -> int:
    """Decode a cursor; 0 without a cursor. Raises InvalidInput."""
    if cursor is None:
        return 0
    try:
        decoded = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        after = decoded["after"]
    except (binascii.Error, ValueError, TypeError, KeyError):
        after = None
    if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after < 1 << 63:
        raise InvalidInput("is not one that a list has given", field="cursor")
    return after


def _row(session: Session, kind: Kind[Any], object_id: int) -> Any:
    row = session.scalars(select(kind.table).where(kind.table.id == object_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no {kind.name} {object_id}")
    return row


def _give_owner(session: Session, row: Any) -> None:
    """Set the row's project: the named one, that of its parent, or that of the principal."""
    principal = principal_of(session)
    if isinstance(row, tables.User):
        group = session.get(tables.UserGroup, row.group_id)
        row.project_id = None if group is None else group.project_id
    elif row.project_id is None and not (isinstance(row, Shared) and principal.is_admin):
        row.project_id = principal.project_id
    if row.project_id is None and isinstance(row, Owned):
        raise Unprocessable("is missing: this key has no project", field="project_id")
    if not principal.is_admin and row.project_id != principal.project_id:
        raise Forbidden("this key makes objects in its own project alone")


def _check_references(session: Session, kind: Kind[Any], values: Mapping[str, Any]) -> None:
    named: dict[str, type[Base]] = {**kind.references, "project_id": tables.Project}
    for field, table in named.items():
        value = values.get(field)
        if value is None or (field == "project_id" and kind is PROJECT):
            continue
        found = session.scalars(select(table).where(table.id == value))  # type: ignore[attr-defined]
        if found.one_or_none() is None:
            raise Unprocessable(f"there is no such object {value}", field=field)


def _flush(session: Session, kind: Kind[Any]) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise Conflict(
            f"this {kind.name} cannot be so: others refer to it, or there is one like it"
        ) from None
    except StaleDataError:
        raise Outdated(f"this {kind.name} has been changed meanwhile; read it again") from None
