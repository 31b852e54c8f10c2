"""Databases for the tests of jobs: files of SQLite, and MariaDB where it is installed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from podium.jobs.sql.database import Database
from podium.jobs.sql.schema import migrate
from tests.support.mariadb import is_installed, mariadb

_numbers = itertools.count()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    if not is_installed():
        pytest.skip("mariadbd is not installed (Debian's package mariadb-server)")
    with mariadb() as address:
        yield address


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'podium.db'}"
    return str(request.getfixturevalue("mariadb_url"))


@pytest.fixture
def mariadb_url(mariadb_server: str) -> str:
    """The address of an empty database of MariaDB."""
    name = f"podium{next(_numbers)}"
    engine = create_engine(mariadb_server)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    engine.dispose()
    return f"{mariadb_server}/{name}"


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
