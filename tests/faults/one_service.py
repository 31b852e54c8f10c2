"""One service as a process, with settings of its own, for tests that must not disturb others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from podium.cli.service_process import ServiceProcess
from podium.cli.stack import ALLOCATOR, HOST, free_ports

_READY_TIMEOUT_S = 60.0


@contextmanager
def one_service(name: str, environment: Mapping[str, str]) -> Iterator[ServiceProcess]:
    """A service that is ready; stopped when the block ends."""
    process = ServiceProcess(name, HOST, free_ports()[name], {**ALLOCATOR, **environment}, None)
    try:
        end = time.monotonic() + _READY_TIMEOUT_S
        while not process.is_ready():
            assert process.exit_code is None, process.last_lines()
            assert time.monotonic() < end, process.last_lines()
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        if not process.wait(10):
            process.kill()
            process.wait(10)
