"""One service as a process of its own: started, watched, stopped."""

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
    """``python -m podium.<name>`` on a loopback port, in a process group of its own.

    The group keeps Ctrl-C of the terminal away from the service: the stack stops its services in
    order. The service ends when this process does, even when it is killed.

    Args:
        name: Of the service.
        host: Address it listens on.
        port: Port it listens on.
        environment: Its settings; added to the environment of this process.
        log: Receives its output.
        without: Variables of the environment of this process that it does not get.
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
        # -P: a folder called podium where the command is run does not shadow the package.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", f"podium.{name}", WITH_PARENT],
            stdin=subprocess.PIPE,  # it ends with this process, however that ends
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
        # http.client, because it alone ignores the proxies of the environment.
        connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def last_lines(self) -> str:
        """The end of its output, readable."""
        if self.exit_code is not None:
            self._reader.join(timeout=1)
        return "\n".join(readable(line) for line in list(self._tail)) or "(no output)"

    def terminate(self) -> None:
        """Ask it to finish its requests and end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
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
        # Until poll() has reaped it, its pid cannot belong to another process.
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
    """Wait until a service is ready; it is stopped when the block ends, and killed if need be.

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
