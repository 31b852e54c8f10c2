"""One service as a process, with settings of its own, for tests that must not disturb others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from podium.freed_memory import ALLOCATOR
from podium.local.service_process import ServiceProcess, ready
from podium.local.stack import HOST, free_ports


@contextmanager
def one_service(name: str, environment: Mapping[str, str]) -> Iterator[ServiceProcess]:
    """A service that is ready; stopped when the block ends."""
    settings = {**ALLOCATOR, **environment}
    with ready(ServiceProcess(name, HOST, free_ports()[name], settings, None)) as process:
        yield process
