"""Databases for the tests of jobs: files of SQLite, and MariaDB where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.jobs.sql.database import Database
from podium.jobs.sql.schema import migrate


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'podium.db'}"
    return str(request.getfixturevalue("mariadb_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database at the newest revision."""
    opened = Database(database_url)
    migrate.upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """SQLite alone, for what does not depend on the kind of database."""
    opened = Database.in_file(tmp_path / "podium.db")
    migrate.upgrade(opened)
    yield opened
    opened.close()
