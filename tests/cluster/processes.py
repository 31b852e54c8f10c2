"""Programs that run beside the tests, each with a log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
PERIOD_S = 0.1


class Processes:
    """Starts programs, waits for them, and stops them in reverse order.

    Args:
        folder: Where they run; their output goes to ``<name>.log`` there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str | Path) -> None:
        """Start one, in a process group of its own: Ctrl-C is for us, who stop them in order."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,
            )

    def wait_until(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Wait for one that has been started.

        Raises:
            RuntimeError: it ended, or is not ready in time; with the end of its log.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_ready():
            if self._running[name].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not start:\n{self._last_lines(name)}")
            time.sleep(PERIOD_S)

    def end(self, name: str) -> None:
        """Stop one; kill it if it does not stop in time."""
        process = self._running.pop(name)
        # Until poll() has reaped it, its pid cannot belong to another process.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """Stop all, the last one first."""
        for name in reversed(list(self._running)):
            self.end(name)

    def _last_lines(self, name: str, count: int = 20) -> str:
        log = (self._folder / f"{name}.log").read_text(errors="replace")
        return "\n".join(log.splitlines()[-count:])
