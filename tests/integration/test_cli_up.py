"""``podium up`` as a process: it starts the services, watches them and stops them all."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from podium.local.settings import SERVICES
from podium.local.stack import Stack, free_ports, taken

DEADLINE_S = 120


class Up:
    """``podium up --json-logs``, and what it says."""

    def __init__(self, models: Path, state: Path) -> None:
        self.ports = free_ports()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "podium",
                "up",
                "--json-logs",
                "--port",
                str(self.ports["gateway"]),
                "--state",
                str(state),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PODIUM_MODELS": str(models), "COLUMNS": "200", "NO_COLOR": "1"},
        )
        self.logs: list[str] = []
        self.said: list[str] = []
        self.readers = [
            threading.Thread(target=lines.extend, args=(stream,), daemon=True)
            for lines, stream in (
                (self.logs, self.process.stdout),
                (self.said, self.process.stderr),
            )
        ]
        for reader in self.readers:
            reader.start()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while len(taken(self.ports)) < len(self.ports) and time.monotonic() < deadline:
            assert self.process.poll() is None, self.said
            time.sleep(0.1)

    def pids(self) -> list[int]:
        """Of the services, children of this process."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for path in children for pid in path.read_text().split()]

    def wait(self) -> int:
        code = self.process.wait(timeout=DEADLINE_S)
        for reader in self.readers:
            reader.join(timeout=10)
        return code


@pytest.fixture
def up(model_repository: Path, tmp_path: Path) -> Iterator[Up]:
    started = Up(model_repository, tmp_path / "state")
    try:
        started.wait_until_ready()
        yield started
    finally:
        if started.process.poll() is None:
            started.process.terminate()
            started.wait()
        for stream in (started.process.stdout, started.process.stderr):
            assert stream is not None
            stream.close()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes through /proc")
@pytest.mark.parametrize("culprit", [pytest.param("pose2d", marks=pytest.mark.slow), "api"])
def test_when_one_service_dies_all_are_stopped(up: Up, culprit: str) -> None:
    pids = up.pids()
    assert len(pids) == len(up.ports)
    for pid in pids:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if f"podium.{culprit}".encode() in command:
            os.kill(pid, signal.SIGKILL)
    assert up.wait() == 1, up.said
    assert taken(up.ports) == {}
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert f"error: {culprit} ended with exit code -9" in "".join(up.said)
    assert "Traceback" not in "".join(up.said)


def test_sigterm_stops_everything_and_the_logs_were_forwarded(up: Up) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while "Ctrl-C" not in "".join(up.said) and time.monotonic() < deadline:
        time.sleep(0.1)
    up.process.terminate()
    assert up.wait() == 130, up.said
    assert taken(up.ports) == {}
    said = "".join(up.said)
    for name, port in up.ports.items():
        assert name in said
        assert f"http://127.0.0.1:{port}" in said
    assert {json.loads(line)["service"] for line in up.logs} == set(up.ports)


def test_a_stack_that_cannot_start_leaves_nothing_behind(
    model_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODIUM_MAX_BODY_BYTES", "nonsense")
    stack = Stack(models=model_repository)
    with pytest.raises(Exception, match=r"ended with exit code 1; its last lines:\n.*MAX_BODY"):
        stack.__enter__()
    assert stack.processes == []


@pytest.mark.parametrize(("asks_for_keys", "status"), [(False, 200), (True, 401)])
def test_a_private_stack_asks_for_no_keys(
    asks_for_keys: bool,
    status: int,
    model_repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"- {{id: a, sha256: '{'0' * 64}'}}\n")
    monkeypatch.setenv("PODIUM_API_KEYS", str(keys))
    here = SERVICES[1:]  # all stages in the gateway: one process instead of six
    with Stack(models=model_repository, asks_for_keys=asks_for_keys, here=here) as stack:
        netloc = urlsplit(stack.gateway_url).netloc
        connection = http.client.HTTPConnection(netloc, timeout=10)
        with closing(connection):
            connection.request("GET", "/v1/pipelines")
            assert connection.getresponse().status == status


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="a policy of Linux")
def test_services_are_not_interrupted_by_those_that_they_wake(stack: Stack) -> None:
    policies = {process.name: os.sched_getscheduler(process.pid) for process in stack.processes}
    assert policies == dict.fromkeys(SERVICES, os.SCHED_BATCH)
