"""Compares the revision of the database schema with the one that this version needs."""

from __future__ import annotations

from sqlalchemy import inspect, text

from podium.errors import SetupError
from podium.jobs.sql.database import Database

NEWEST = "0001"
"""Revision of the last migration."""


def require_current(database: Database) -> None:
    """Raise SetupError, with the remedy, unless the schema is at the newest revision."""
    with database.engine.connect() as connection:
        current = None
        if inspect(connection).has_table("alembic_version"):
            current = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if current != NEWEST:
        raise SetupError(
            f"the database is at revision {current or 'none'}, and this version needs {NEWEST}; "
            "run its migration first"
        )
