"""Two replicas of every stage and of the gateway, as processes that tests may kill."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from podium.local.service_process import ServiceProcess
from podium.local.settings import SERVICES
from podium.local.stack import FREE_PORTS, HOST

REPLICAS = 2
STAGES = ("decode", "detection", "pose2d", "pose3d")
READY_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 40.0

Name = tuple[str, int]
"""A service, and which of its replicas."""


class Replicas:
    """The services, twice each, on loopback; a replica that ends is started again on its port.

    Args:
        models: Model repository.
        folder: Receives the log of each replica; also the root that may be read and written.
        settings: Environment of all replicas of a service.
    """

    def __init__(
        self, models: Path, folder: Path, settings: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._models = models
        self.folder = folder
        self._settings = settings
        ports = _ports()
        self._port: dict[Name, int] = {
            (service, number): next(ports) for service in SERVICES for number in range(REPLICAS)
        }
        self._running: dict[Name, ServiceProcess] = {}

    def __enter__(self) -> Self:
        try:
            for service, number in self._port:
                self.start(service, number)
            asyncio.run(self.all_ready())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            _send(process, signal.SIGCONT)
            process.kill()
        for process in self._running.values():
            process.wait(STOP_TIMEOUT_S)

    def urls(self, service: str) -> list[str]:
        """Base URLs of the replicas of a service."""
        return [f"http://{HOST}:{self._port[service, number]}" for number in range(REPLICAS)]

    def pids(self) -> dict[Name, int]:
        """Process ids of all replicas that have been started."""
        return {name: process.pid for name, process in self._running.items()}

    def log(self, service: str, number: int) -> str:
        """What a replica has written, over all its lives."""
        return self._log_file(service, number).read_text()

    def start(self, service: str, number: int) -> None:
        """Start a replica; it is not ready yet."""
        port = self._port[service, number]
        path = self._log_file(service, number)
        environment = {
            "PODIUM_MODELS": str(self._models),
            "PODIUM_DECODE_ADDRESS": f"http://{HOST}:{port}",
            "PODIUM_OBJECTS_READ_ROOTS": str(self.folder),
            "PODIUM_OBJECTS_WRITE_ROOTS": str(self.folder),
            **self._settings.get(service, {}),
        }
        if service == "gateway":
            environment |= {
                f"PODIUM_GATEWAY_{stage.upper()}_URL": ",".join(self.urls(stage))
                for stage in SERVICES
                if stage != "gateway"
            }

        def write(_: str, line: str) -> None:
            with path.open("a") as file:
                file.write(line + "\n")

        self._running[service, number] = ServiceProcess(service, HOST, port, environment, write)

    async def ready(self, service: str, number: int) -> None:
        """Wait until a replica is ready."""
        process = self._running[service, number]
        end = time.monotonic() + READY_TIMEOUT_S
        while not await asyncio.to_thread(process.is_ready):
            assert process.exit_code is None, process.last_lines()
            assert time.monotonic() < end, process.last_lines()
            await asyncio.sleep(0.05)

    async def all_ready(self) -> None:
        """Wait until every replica is ready."""
        for service, number in self._port:
            await self.ready(service, number)

    async def kill(self, service: str, number: int) -> None:
        """``kill -9``."""
        process = self._running[service, number]
        process.kill()
        assert await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)

    async def drain(self, service: str, number: int) -> int | None:
        """SIGTERM, and the exit code of the replica when it has drained and ended."""
        process = self._running[service, number]
        process.terminate()
        assert await asyncio.to_thread(process.wait, STOP_TIMEOUT_S), process.last_lines()
        return process.exit_code

    def freeze(self, service: str, number: int) -> None:
        """SIGSTOP: it accepts connections and answers nothing."""
        _send(self._running[service, number], signal.SIGSTOP)

    def thaw(self, service: str, number: int) -> None:
        """SIGCONT."""
        _send(self._running[service, number], signal.SIGCONT)

    def _log_file(self, service: str, number: int) -> Path:
        return self.folder / f"{service}-{number}.log"


def named(services: Iterable[str]) -> list[Name]:
    """Every replica of some services, the first ones first."""
    return [(service, number) for number in range(REPLICAS) for service in services]


def _send(process: ServiceProcess, number: signal.Signals) -> None:
    if process.exit_code is None:  # until it is reaped its pid cannot belong to another
        os.killpg(process.pid, number)


def _ports() -> Iterator[int]:
    """Free ports below those that outgoing connections take: they stay free between two lives."""
    for port in random.sample(FREE_PORTS, 2_000):
        with suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            yield port
