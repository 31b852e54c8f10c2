"""The six services on this machine, for ``podium up``, ``podium run`` and the tests."""

from __future__ import annotations

import itertools
import os
import random
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from podium.environment import check_names, variables
from podium.errors import SetupError, Unavailable
from podium.local.model_folder import default_models, require_models
from podium.local.service_process import LogSink, ServiceProcess
from podium.local.settings import SERVICES, settings_of
from podium.local.sizing import sized_for

HOST = "127.0.0.1"
FIRST_PORT = 8000
FREE_PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections."""
ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}
"""For glibc: threads share what is free, and frames up to 1080p are laid over those let go (fresh
pages cost 1 ms per MB), whose pages stay up to 1 GiB: one small object above them would keep them
anyway, from one moment to another. docs/operations/processes.md has the same for containers."""
KEY_SETTINGS = ("PODIUM_API_KEYS", "PODIUM_GATEWAY_API_KEYS")
READY_TIMEOUT_S = 120.0
KILL_TIMEOUT_S = 10.0


def ports_from(first: int) -> dict[str, int]:
    """Consecutive ports, the gateway's first."""
    return {name: first + offset for offset, name in enumerate(SERVICES)}


class Stack:
    """Starts the services and waits until all are ready; stops them when the block ends.

    Args:
        models: Model repository; None: ``default_models()``.
        ports: Port of each service; None: free ones.
        read_roots: Folders that ``file:`` addresses in requests may be read from.
        write_roots: Folders that results may be written to.
        log: Receives the output of the services.
        asks_for_keys: Whether ``PODIUM_API_KEYS`` holds; a stack that serves one command alone
            asks for no keys.

    Raises:
        SetupError: a port is taken, there are no models, or a variable of the environment is called
            wrongly; the message has the remedy.
        Unavailable: a service does not become ready; the message has its last log lines.
    """

    def __init__(
        self,
        *,
        models: Path | None = None,
        ports: Mapping[str, int] | None = None,
        read_roots: Sequence[Path] = (),
        write_roots: Sequence[Path] = (),
        log: LogSink | None = None,
        asks_for_keys: bool = False,
    ) -> None:
        self._models = (default_models() if models is None else models).absolute()
        self._ports = dict(free_ports() if ports is None else ports)
        self._read_roots = _listed(read_roots)
        self._write_roots = _listed(write_roots)
        self._log = log
        self._without = () if asks_for_keys else KEY_SETTINGS
        self.processes: list[ServiceProcess] = []

    @property
    def urls(self) -> dict[str, str]:
        """Base URL of each service."""
        return {name: f"http://{HOST}:{port}" for name, port in self._ports.items()}

    @property
    def gateway_url(self) -> str:
        """Base URL of the one public door."""
        return self.urls["gateway"]

    def __enter__(self) -> Self:
        check_names(map(settings_of, SERVICES), os.environ)
        require_models(self._models)
        require_free(self._ports)
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            for name in SERVICES:
                self.processes.append(
                    ServiceProcess(
                        name,
                        HOST,
                        self._ports[name],
                        self.environment,
                        self._log,
                        without=self._without,
                    )
                )
            self._wait_until_ready()
            on_failure.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self) -> None:
        """Raise Unavailable, with the last log lines, if a service has ended."""
        for process in self.processes:
            if process.exit_code is not None:
                raise Unavailable(
                    f"{process.name} ended with exit code {process.exit_code}; "
                    f"its last lines:\n{process.last_lines()}"
                )

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the services, beside those of the environment of this process."""
        return {
            **{name: os.environ.get(name, value) for name, value in ALLOCATOR.items()},
            **sized_for(os.cpu_count() or 1, os.environ),
            "PODIUM_MODELS": str(self._models),
            "PODIUM_ALLOW_EMPTY": "true",  # the gateway says which model a pipeline lacks
            "PODIUM_DECODE_ADDRESS": self.urls["decode"],
            "PODIUM_DECODE_OBJECTS_READ_ROOTS": self._read_roots,
            "PODIUM_POSTPROCESS_OBJECTS_READ_ROOTS": self._read_roots,
            "PODIUM_POSTPROCESS_OBJECTS_WRITE_ROOTS": self._write_roots,
            **{
                f"PODIUM_GATEWAY_{stage.upper()}_URL": self.urls[stage]
                for stage in SERVICES
                if stage != "gateway"
            },
        }

    def stop(self) -> None:
        """Stop what was started, the gateway first; kill what does not end in time."""
        gateway = [process for process in self.processes if process.name == "gateway"]
        stages = [process for process in self.processes if process.name != "gateway"]
        try:
            for group in (gateway, stages):
                deadline = time.monotonic() + _grace_s()
                for process in group:
                    process.terminate()
                for process in group:
                    process.wait(deadline - time.monotonic())
        finally:  # also when a second Ctrl-C cuts the grace short
            for process in self.processes:
                process.kill()
                process.wait(KILL_TIMEOUT_S)
            self.processes = []

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        waiting = list(self.processes)
        while waiting:
            self.check()
            waiting = [process for process in waiting if not process.is_ready()]
            if waiting and time.monotonic() > deadline:
                raise Unavailable(
                    f"{waiting[0].name} is not ready after {READY_TIMEOUT_S:.0f} s; "
                    f"its last lines:\n{waiting[0].last_lines()}"
                )
            time.sleep(0.05)


def free_ports() -> dict[str, int]:
    """A free port for each service, one after the other.

    None of those that systems give to outgoing connections: one of these may take a port between
    the look and the start of the service. Raises SetupError when all are taken.
    """
    first_ports = range(FREE_PORTS.start, FREE_PORTS.stop, len(SERVICES))
    for first in random.sample(first_ports, len(first_ports)):
        ports = ports_from(first)
        if not taken(ports):
            return ports
    raise SetupError(f"the ports from {FREE_PORTS.start} to {FREE_PORTS.stop} are taken")


def taken(ports: Mapping[str, int]) -> dict[str, int]:
    """Those of ``ports`` that another process listens on."""
    result = {}
    for name, port in ports.items():
        with socket.socket() as probe:
            # As servers do: a port that was in use a minute ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                result[name] = port
    return result


def require_free(ports: Mapping[str, int]) -> None:
    """Raise SetupError, with the remedy, unless all ``ports`` are free."""
    if busy := taken(ports):
        names = ", ".join(f"{port} ({name})" for name, port in busy.items())
        raise SetupError(
            f"these ports are taken: {names}; is another `podium up` running? "
            "Stop it, or choose others with `podium up --port`"
        )


def _grace_s() -> float:
    """Longer than the services wait for their requests in flight."""
    waits_s = [KILL_TIMEOUT_S - 5]
    for variable in itertools.chain.from_iterable(variables(settings_of(s)) for s in SERVICES):
        if variable.path == ("drain_s",):
            given = os.environ.get(variable.own, os.environ.get(variable.common or ""))
            with suppress(ValueError):  # no service starts with it
                waits_s.append(float(variable.field.default if given is None else given))
    return max(waits_s) + 5


def _listed(folders: Sequence[Path]) -> str:
    """As addresses: names of folders may hold commas, and bytes that are no UTF-8."""
    return ",".join(folder.absolute().as_uri() for folder in folders)
