"""The schema of the database: one history of migrations for SQLite, MySQL and MariaDB.

Long-running processes import only ``revision``: Alembic takes 10 MB of memory.
"""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config

from podium.jobs.sql.database import Database

logging.getLogger("alembic").setLevel(logging.WARNING)  # without its messages about progress

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Bring the schema to the newest revision; has no effect if it is there."""
    with database.engine.begin() as connection:
        command.upgrade(_config(connection), "head")


def downgrade(database: Database, revision: str = "-1") -> None:
    """Go back to a revision; ``-1`` is the previous one."""
    with database.engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def check(database: Database) -> None:
    """Raise ``alembic.util.CommandError`` if the schema differs from the tables in the code."""
    with database.engine.begin() as connection:
        command.check(_config(connection))


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
