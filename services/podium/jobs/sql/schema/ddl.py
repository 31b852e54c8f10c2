"""The tables of the objects of jobs as one SQL script, to read or to run by hand."""

from __future__ import annotations

from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable

from podium.jobs.sql.schema import tables, work_tables
from podium.jobs.sql.schema.columns import Base

_TABLES = (
    tables.Project,
    tables.PipelineParameterSet,
    tables.Pipeline,
    tables.PipelineParameters,
    tables.UserGroup,
    tables.User,
    tables.Athlete,
    work_tables.Job,
    work_tables.Video,
    work_tables.FrameBatch,
)
"""In an order in which they can be created; includes athletes, to which jobs refer."""


def mysql_script() -> str:
    """The statements that create the tables in MySQL, Aurora or MariaDB."""
    dialect = mysql.dialect()
    statements = []
    for kind in _TABLES:
        table = Base.metadata.tables[kind.__tablename__]
        statements.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        ordered = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in ordered]
    lines = "\n".join(f"{statement};\n" for statement in statements).splitlines()
    return "\n".join(line.rstrip().replace("\t", "  ") for line in lines) + "\n"
