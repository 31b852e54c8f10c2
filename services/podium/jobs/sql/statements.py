"""Runs statements that change rows."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import UpdateBase


def changed(session: Session, statement: UpdateBase) -> int:
    """Run an UPDATE or a DELETE; returns the number of matching rows."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount
