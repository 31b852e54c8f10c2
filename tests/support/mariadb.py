"""A MariaDB server in a temporary folder, on a free port of loopback."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine

_START_S = 60.0
_numbers = itertools.count()


def is_installed() -> bool:
    """Whether Debian's package mariadb-server is here."""
    return all(shutil.which(name, path=_PATH) for name in ("mariadbd", "mariadb-install-db"))


@contextmanager
def mariadb() -> Iterator[str]:
    """Run a server while the block runs; gives the address without a database's name.

    It never runs as root: then it becomes the user that the package made, or nobody.
    """
    folder = Path(tempfile.mkdtemp(prefix="podium-mariadb-"))  # that user may not enter pytest's
    data = folder / "data"
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        users = {user.pw_name: user for user in pwd.getpwall()}
        user = users.get("mysql") or users["nobody"]
        for made in (folder, data):
            os.chown(made, user.pw_uid, user.pw_gid)
        as_user = [f"--user={user.pw_name}"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _program(
        "mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
        "--auth-root-authentication-method=normal", *as_user,
    )  # fmt: skip
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [
            _found("mariadbd"), "--no-defaults", f"--datadir={data}", *as_user,
            f"--socket={folder}/socket", f"--port={port}", "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin",
        ],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        until = time.monotonic() + _START_S
        while not _answers(port):
            if server.poll() is not None or time.monotonic() > until:
                raise AssertionError((folder / "log").read_text()[-2000:])
            time.sleep(0.05)
        yield f"mysql+pymysql://root@127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def empty_database(server: str) -> str:
    """Make a database of a server; gives its address."""
    name = f"podium{next(_numbers)}"
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    engine.dispose()
    return f"{server}/{name}"


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)):
            return False
        return bool(probe.recv(1))


_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def _found(name: str) -> str:
    path = shutil.which(name, path=_PATH)
    assert path is not None
    return path


def _program(name: str, *arguments: str) -> None:
    subprocess.run([_found(name), *arguments], check=True, capture_output=True)
