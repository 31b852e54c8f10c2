"""Starts, watches and stops one service as a process."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from podium.errors import Unavailable
from podium.local.log_lines import readable
from podium.with_parent import WITH_PARENT

LogSink = Callable[[str, str], None]
"""Called with the name of a service and one line of its output, from a thread."""

TAIL_LINES = 15


class ServiceProcess:
    """``python -m podium.<name>`` on a loopback port, in its own process group.

    With its own group it does not get the terminal's Ctrl-C: the stack stops the services in
    order. It ends when this process ends, even when this process is killed.

    Args:
        name: Name of the service.
        host: Address to listen on.
        port: Port to listen on.
        environment: Settings; added to the environment of this process.
        log: Receives the output.
        without: Environment variables of this process that the service does not get.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        environment: Mapping[str, str],
        log: LogSink | None,
        *,
        without: Collection[str] = (),
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self._log = log
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        # -P: a folder named podium in the current folder does not shadow the package.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", f"podium.{name}", WITH_PARENT],
            stdin=subprocess.PIPE,  # closed when this process ends in any way, which stops it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                **{key: value for key, value in os.environ.items() if key not in without},
                **environment,
                f"PODIUM_{name.upper()}_HOST": host,
                f"PODIUM_{name.upper()}_PORT": str(port),
                "PYTHONUNBUFFERED": "1",
            },
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"log-{name}", daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """Base URL of the service."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id; also the id of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def is_ready(self) -> bool:
        """Whether ``/v2/health/ready`` answers 200."""
        # http.client, because it ignores the proxies of the environment.
        connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def last_lines(self) -> str:
        """The last lines of its output, readable."""
        if self.exit_code is not None:
            self._reader.join(timeout=1)
        return "\n".join(readable(line) for line in list(self._tail)) or "(no output)"

    def terminate(self) -> None:
        """Ask it to finish its requests and exit (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self._signal(signal.SIGKILL)

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False if it still runs after ``timeout_s``."""
        try:
            self._process.wait(timeout=max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            return False
        self._reader.join(timeout=1)
        if self._process.stdin is not None:
            self._process.stdin.close()
        return True

    def _signal(self, number: signal.Signals) -> None:
        # Until poll() has reaped the process, its pid cannot belong to another one.
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - opened with PIPE above
        with self._process.stdout as output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip()
                self._tail.append(line)
                if self._log is not None:
                    self._log(self.name, line)


@contextmanager
def ready(
    process: ServiceProcess, *, within_s: float = 60.0, stops_within_s: float = 10.0
) -> Iterator[ServiceProcess]:
    """Wait until a service is ready; the end of the block stops it, and kills it if needed.

    Raises:
        Unavailable: it ends, or is not ready in time; the message has its last log lines.
    """
    try:
        deadline = time.monotonic() + within_s
        while not process.is_ready():
            if process.exit_code is not None or time.monotonic() > deadline:
                raise Unavailable(
                    f"{process.name} does not start; its last lines:\n{process.last_lines()}"
                )
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        if not process.wait(stops_within_s):
            process.kill()
            process.wait(stops_within_s)
