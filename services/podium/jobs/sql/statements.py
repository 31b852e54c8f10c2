"""Runs SQL statements without loading mapped rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import CursorResult, Executable
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import UpdateBase

from podium.errors import Forbidden
from podium.jobs.sql.tenancy import principal_of


def changed(session: Session, statement: UpdateBase) -> int:
    """Run an UPDATE or a DELETE; returns the number of matching rows."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount


def directly(
    session: Session, statement: Executable, values: Mapping[str, Any]
) -> CursorResult[Any]:
    """Run a statement on tables, for work that every frame batch needs.

    It takes a quarter of the processor time of a statement on mapped rows, but is not limited to
    the rows of an owner, so only controllers and workers may use it.

    Raises:
        Forbidden: the session's principal is not an administrator.
    """
    if not principal_of(session).is_admin:
        raise Forbidden("only administrators use statements that have no owner")
    return session.connection().execute(statement, values)
