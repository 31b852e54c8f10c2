"""Connections and transactions: SQLite in a file, or MySQL and MariaDB by address.

Synchronous on purpose: a step is a function that may run in a thread, a process or a Lambda, and
SQLite has no asynchronous access. ``PyMySQL`` is pure Python, so nothing has to be compiled.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from podium.errors import SetupError, Unavailable
from podium.jobs.principal import Principal
from podium.jobs.sql.tenancy import ReadOnly, scoped_session

T = TypeVar("T")
Credentials = Callable[[], tuple[str, str]]
"""Returns user and password."""

_TRIES = 8
_BUSY_S = 10.0
_DEADLOCK, _LOCK_WAIT = 1213, 1205
"""Errors of MySQL after which the transaction can be retried."""


class Database:
    """A database; every transaction is a function that may run again after a deadlock.

    Args:
        url: ``sqlite:////folder/podium.db`` or ``mysql+pymysql://user:password@host/name``.
        credentials: User and password for each new connection; None: those of the address.

    ``is_file`` says whether it is a file of this machine, whose readers wait for nobody.

    Raises:
        SetupError: the address has neither form.
    """

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise SetupError("the address of the database is malformed") from None
        if parsed.get_backend_name() == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise SetupError("SQLite needs a file, such as sqlite:////var/lib/podium/podium.db")
            self.engine = _sqlite(url)
        elif parsed.drivername == "mysql+pymysql":
            self.engine = create_engine(
                parsed.update_query_dict({"charset": "utf8mb4"}),
                isolation_level="READ COMMITTED",
                pool_pre_ping=True,
                pool_recycle=1800,
                pool_size=10,
                max_overflow=20,
            )
        else:
            raise SetupError(
                f"databases of the kind {parsed.drivername} are not supported; use sqlite or "
                "mysql+pymysql"
            )
        if credentials is not None:
            _sign_in_with(self.engine, credentials)
        self._readers = self.engine.execution_options(reads_only=True)
        self._lookers = self.engine.execution_options(one_by_one=True)
        self._writing: AbstractContextManager[object] = nullcontext()
        self.is_file = parsed.get_backend_name() == "sqlite"
        if self.is_file:  # has one writer, for which others would poll
            self._writing = threading.RLock()

    @classmethod
    def in_file(cls, path: Path) -> Self:
        """SQLite in a file, which is created if it is missing."""
        return cls(f"sqlite:///{path.absolute()}")

    def read(self, principal: Principal, work: Callable[[Session], T]) -> T:
        """Run a function that only reads; it never waits for writers."""
        return self._run(self._readers, principal, work)

    def write(self, principal: Principal, work: Callable[[Session], T]) -> T:
        """Run a function in one transaction; an exception rolls it back.

        After a deadlock the function runs again, so it must have no other side effects.

        Raises:
            Unavailable: the database does not answer, or stays locked.
        """
        with self._writing:
            return self._run(self.engine, principal, work)

    def look(self, principal: Principal, work: Callable[[ReadOnly], T]) -> T:
        """Run a function that only reads ``OwnedRows``: like ``read``, at a lower cost.

        Each statement sees what is committed when it begins.
        """

        def looking() -> T:
            with self._lookers.connect() as connection:
                return work(ReadOnly(principal, connection))

        return _repeated(looking)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _run(self, engine: Engine, principal: Principal, work: Callable[[Session], T]) -> T:
        def working() -> T:
            with scoped_session(engine, principal) as session, session.begin():
                return work(session)

        return _repeated(working)

    def check(self) -> None:
        """Raise Unavailable unless the database answers."""
        try:
            with self._readers.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except SQLAlchemyError as error:
            raise Unavailable("the database does not answer; try again") from error


def _repeated(transaction: Callable[[], T]) -> T:
    """Run a transaction; after a deadlock, run it again. Raises Unavailable."""
    for attempt in range(1, _TRIES + 1):
        try:
            return transaction()
        except OperationalError as error:
            if not _may_succeed(error) or attempt == _TRIES:
                raise Unavailable("the database does not answer; try again") from error
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, no secret
    raise AssertionError("unreachable")


def _sign_in_with(engine: Engine, credentials: Credentials) -> None:
    @event.listens_for(engine, "do_connect")
    def _fill_in(dialect: object, record: object, args: object, options: dict[str, Any]) -> None:
        options["user"], options["password"] = credentials()


def _may_succeed(error: DBAPIError) -> bool:
    number = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return number in (_DEADLOCK, _LOCK_WAIT) or "locked" in str(number)


def _sqlite(url: str) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": _BUSY_S, "check_same_thread": False}, pool_size=20
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions are begun explicitly
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("one_by_one"):
            pass  # each statement is a transaction of its own
        elif options.get("reads_only"):
            connection.connection.cursor().execute("BEGIN")  # waits for nothing
        else:
            # A transaction that reads and later writes would fail if another one wrote meanwhile.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
