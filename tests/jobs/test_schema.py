"""One history of migrations for every database."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect

from podium.errors import SetupError
from podium.jobs.sql import migrate
from podium.jobs.sql.database import Database


def test_the_history_makes_what_the_code_expects_and_goes_back(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(SetupError, match="run its migration first"):
        migrate.require_current(database)
    migrate.upgrade(database)
    migrate.require_current(database)
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
