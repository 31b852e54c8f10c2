"""Runs the revisions for Alembic, on the given connection."""

from __future__ import annotations

from alembic import context

import podium.jobs.sql.schema.tables
import podium.jobs.sql.schema.work_tables  # noqa: F401 - registers its tables
from podium.jobs.sql.schema.columns import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes tables only by copying them
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
