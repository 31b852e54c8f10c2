"""The services on this machine, for ``podium up``, ``podium run`` and the tests."""

from __future__ import annotations

import itertools
import os
import random
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Self

from podium.environment import check_names, variables
from podium.errors import SetupError, Unavailable
from podium.freed_memory import ALLOCATOR
from podium.local.model_folder import default_models, require_models
from podium.local.service_process import LogSink, ServiceProcess
from podium.local.settings import JOB_SERVICES, SERVICES, settings_of
from podium.local.sizing import sized_for
from podium.schemas.objects import NewApiKey

HOST = "127.0.0.1"
FIRST_PORT = 8000
FREE_PORTS = range(20_000, 32_000)
"""Below the ports that systems use for outgoing connections."""
KEY_SETTINGS = ("PODIUM_API_KEYS", "PODIUM_GATEWAY_API_KEYS")
READY_TIMEOUT_S = 120.0
KILL_TIMEOUT_S = 10.0


def ports_from(first: int) -> dict[str, int]:
    """Consecutive ports, the gateway's first."""
    return {name: first + offset for offset, name in enumerate((*SERVICES, *JOB_SERVICES))}


class Stack:
    """Starts the services and waits until all are ready; the end of the block stops them.

    Args:
        models: Model repository; None: ``default_models()``.
        ports: Port of each service; None: free ones.
        read_roots: Folders that ``file:`` addresses in requests may be read from.
        write_roots: Folders that results may be written to.
        log: Receives the output of the services.
        asks_for_keys: Whether ``PODIUM_API_KEYS`` is obeyed; not needed when the stack serves only
            one command.
        jobs: Folder for the data of jobs; the api and a controller run, too. None: without them.
        new_admin_key: Whether to make another admin key for the api.
        here: Stages that run in the gateway's process instead of services of their own.

    Attributes:
        processes: The running services.
        admin_key: The key that was made at the start, if any; its secret is not stored.

    Raises:
        SetupError: a port is taken, there are no models, or an environment variable has a wrong
            name; the message has the remedy.
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
        jobs: Path | None = None,
        new_admin_key: bool = False,
        here: Sequence[str] = (),
    ) -> None:
        self._models = (default_models() if models is None else models).absolute()
        self._here = frozenset(here)
        names = SERVICES if jobs is None else (*SERVICES, *JOB_SERVICES)
        self._names = tuple(name for name in names if name not in self._here)
        ports = free_ports() if ports is None else ports
        self._ports = {name: ports[name] for name in self._names}
        self._jobs = None if jobs is None else jobs.absolute()
        self._new_admin_key = new_admin_key
        self.admin_key: NewApiKey | None = None
        self._read_roots, self._write_roots = read_roots, write_roots
        self._log = log
        self._without = () if asks_for_keys else KEY_SETTINGS
        self.processes: list[ServiceProcess] = []

    @property
    def urls(self) -> dict[str, str]:
        """Base URL of each service."""
        return {name: f"http://{HOST}:{port}" for name, port in self._ports.items()}

    @property
    def gateway_url(self) -> str:
        """Base URL of the gateway."""
        return self.urls["gateway"]

    def __enter__(self) -> Self:
        check_names(map(settings_of, self._names), os.environ)
        require_models(self._models)
        require_free(self._ports)
        self._prepare_jobs()
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            for name in self._names:
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
        """The variables that the services get in addition to this process's environment."""
        objects = [] if self._jobs is None else [self._jobs / "objects"]
        objects = [folder for folder in objects if folder.is_dir()]  # a bucket is no folder
        read_roots = _listed([*self._read_roots, *objects])
        return {
            **{name: os.environ.get(name, value) for name, value in ALLOCATOR.items()},
            **sized_for(os.cpu_count() or 1, os.environ),
            "PODIUM_MODELS": str(self._models),
            "PODIUM_ALLOW_EMPTY": "true",  # the gateway says which model a pipeline lacks
            **({} if "decode" in self._here else {"PODIUM_DECODE_ADDRESS": self.urls["decode"]}),
            "PODIUM_DECODE_OBJECTS_READ_ROOTS": read_roots,
            "PODIUM_POSTPROCESS_OBJECTS_READ_ROOTS": read_roots,
            "PODIUM_POSTPROCESS_OBJECTS_WRITE_ROOTS": _listed([*self._write_roots, *objects]),
            **{
                f"PODIUM_GATEWAY_{stage.upper()}_URL": self.urls.get(stage, "here")
                for stage in SERVICES
                if stage != "gateway"
            },
            **self._jobs_environment(),
        }

    def _jobs_environment(self) -> dict[str, str]:
        if self._jobs is None:
            return {}
        return {
            "PODIUM_JOBS_STATE": str(self._jobs),
            "PODIUM_JOBS_GATEWAY_URL": os.environ.get("PODIUM_JOBS_GATEWAY_URL", self.gateway_url),
            "PODIUM_JOBS_OBJECTS_URL": os.environ.get(
                "PODIUM_JOBS_OBJECTS_URL", f"{self.urls['api']}/v1/objects"
            ),
        }

    def _prepare_jobs(self) -> None:
        if self._jobs is not None:
            from podium.api.prepare import prepare
            from podium.jobs.settings import JobsSettings, open_environment

            with closing(open_environment(JobsSettings(state=self._jobs))) as env:
                env.database.check()
                self.admin_key = prepare(env, new_admin_key=self._new_admin_key)

    def stop(self) -> None:
        """Stop the services, callers first; kill those that do not end in time."""
        first = (JOB_SERVICES, ("gateway",), SERVICES[1:])
        groups = [[p for p in self.processes if p.name in names] for names in first]
        try:
            for group in groups:
                deadline = time.monotonic() + _grace_s()
                for process in group:
                    process.terminate()
                for process in group:
                    process.wait(deadline - time.monotonic())
        finally:  # also after a second Ctrl-C during the wait
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
    """Consecutive free ports, one for each service, from ``FREE_PORTS``.

    An outgoing connection could take any other port before the service starts. Raises SetupError
    when all are taken.
    """
    first_ports = range(FREE_PORTS.start, FREE_PORTS.stop, len(ports_from(0)))
    for first in random.sample(first_ports, len(first_ports)):
        ports = ports_from(first)
        if not taken(ports):
            return ports
    raise SetupError(f"the ports from {FREE_PORTS.start} to {FREE_PORTS.stop} are taken")


def taken(ports: Mapping[str, int]) -> dict[str, int]:
    """The ``ports`` that another process listens on."""
    result = {}
    for name, port in ports.items():
        with socket.socket() as probe:
            # As servers do: a port in TIME_WAIT counts as free.
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
    """Seconds to wait for services to end: longer than they wait for requests in flight."""
    waits_s = [KILL_TIMEOUT_S - 5]
    for variable in itertools.chain.from_iterable(variables(settings_of(s)) for s in SERVICES):
        if variable.path == ("drain_s",):
            given = os.environ.get(variable.own, os.environ.get(variable.common or ""))
            with suppress(ValueError):  # the services report a wrong value themselves
                waits_s.append(float(variable.field.default if given is None else given))
    return max(waits_s) + 5


def _listed(folders: Sequence[Path]) -> str:
    """Folders as ``file:`` addresses: names may have commas and bytes that are not UTF-8."""
    return ",".join(folder.absolute().as_uri() for folder in folders)
