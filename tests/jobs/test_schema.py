"""One history of migrations for every database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from podium.errors import SetupError
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema import migrate, revision
from podium.jobs.sql.schema.ddl import mysql_script


def test_the_history_makes_what_the_code_expects_and_goes_back(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(SetupError, match="run its migration first"):
        revision.require_current(database)
    migrate.upgrade(database)
    revision.require_current(database)
    migrate.check(database)
    tables = set(inspect(database.engine).get_table_names())
    assert {
        "user", "user_group", "project", "pipeline", "pipeline_parameter_set",
        "pipeline_parameters", "video", "frame_batch", "job",
    } <= tables  # fmt: skip

    migrate.downgrade(database)
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version"}
    migrate.upgrade(database)
    migrate.check(database)
    database.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://host/name", "not supported"),
        ("sqlite://", "needs a file"),
        ("nonsense", "malformed"),
    ],
)
def test_addresses_of_other_databases_are_refused(url: str, why: str) -> None:
    with pytest.raises(SetupError, match=why):
        Database(url)


def test_the_script_in_the_documentation_is_that_of_the_tables(mariadb_server: str) -> None:
    script = (Path(__file__).parents[2] / "docs" / "jobs.sql").read_text()
    assert script == mysql_script()
    engine = create_engine(mariadb_server)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE DATABASE by_hand CHARACTER SET utf8mb4")
        connection.exec_driver_sql("USE by_hand")
        for statement in script.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        assert len(connection.exec_driver_sql("SHOW TABLES").all()) == 10
    engine.dispose()
