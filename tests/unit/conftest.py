"""Unit tests start no process and no server; tests that do belong to ``tests/integration``."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time, however long they take on a loaded machine; `make fuzz` has others.
settings.register_profile(
    "usual",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("usual")


def _refused(*_: object, **__: object) -> NoReturn:
    pytest.fail("a unit test starts a process or a server: it belongs to tests/integration")


@pytest.fixture(scope="module", autouse=True)
def nothing_is_started() -> Iterator[None]:
    """Make the start of a process and of a server an error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", _refused)
        patch.setattr(socket.socket, "listen", _refused)
        yield
