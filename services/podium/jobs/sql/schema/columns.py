"""Shared by all tables: names of constraints, types of columns, owners of rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from sqlalchemy import BigInteger, DateTime, ForeignKey, Integer, MetaData, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite autoincrements only columns of type INTEGER."""


class Moment(TypeDecorator[datetime]):
    """A time in UTC, to the microsecond, without a zone: databases store zones differently."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        exact = mysql.DATETIME(fsp=6) if dialect.name in ("mysql", "mariadb") else DateTime()
        return dialect.type_descriptor(exact)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """JSON as text, for values that are never searched; MariaDB's JSON columns are text anyway."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        text = mysql.MEDIUMTEXT() if dialect.name in ("mysql", "mariadb") else Text()
        return dialect.type_descriptor(text)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)


Key = Annotated[int, mapped_column(BigId, primary_key=True, autoincrement=True)]
Short = Annotated[str, mapped_column(String(64))]
Text200 = Annotated[str, mapped_column(String(200))]
Text1000 = Annotated[str, mapped_column(String(1000))]
Path = Annotated[str, mapped_column(String(2000))]
When = Annotated[datetime, mapped_column(Moment)]
Document = Annotated[dict[str, Any], mapped_column(Json)]
Items = Annotated[list[Any], mapped_column(Json)]


def reference(table: str, *, ondelete: str | None = None) -> MappedColumn[Any]:
    """A column that refers to a row of another table."""
    return mapped_column(BigId, ForeignKey(f"{table}.id", ondelete=ondelete), index=True)


class Base(DeclarativeBase):
    """Base of all tables; constraints are named by a rule, so that migrations can drop them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    @declared_attr.directive
    def __table_args__(cls) -> Any:
        return {"sqlite_autoincrement": True}  # ids of deleted rows are not reused


class Owned:
    """Rows of one project; other projects cannot see them."""

    @declared_attr
    def project_id(cls) -> Mapped[int]:
        """The project of the row."""
        return reference("project")


class Shared:
    """Rows of one project, or shared by all; only administrators change shared rows."""

    @declared_attr
    def project_id(cls) -> Mapped[int | None]:
        """The project of the row; null: shared by all."""
        return reference("project")


class Versioned:
    """Rows that callers change; the version prevents lost updates."""

    created_at: Mapped[When]
    updated_at: Mapped[When]
    version: Mapped[int] = mapped_column(Integer)

    @declared_attr.directive
    def __mapper_args__(cls) -> Any:
        return {"version_id_col": cls.version}
