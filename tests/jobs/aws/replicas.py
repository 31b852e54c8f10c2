"""Replicas of a gateway behind one address, killed and started again all the time."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
_PIECE_BYTES = 64 << 10


@dataclass
class Replicas:
    """What stands behind the address."""

    url: str = ""
    kills: int = 0
    ports: list[int] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)


@contextmanager
def killed_replicas(count: int, *, delay_s: float, every_s: float) -> Iterator[Replicas]:
    """Run replicas while the block runs, of which one is killed every so often."""
    chance, stop = random.Random(20261129), threading.Event()  # noqa: S311 - repeatable
    replicas = Replicas(ports=[_free_port() for _ in range(count)])

    def start(port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.jobs.aws.replica", str(port), str(delay_s)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    def kill() -> None:
        while not stop.wait(every_s):
            victim = chance.randrange(count)
            _end(replicas.processes[victim])
            replicas.kills += 1
            replicas.processes[victim] = start(replicas.ports[victim])

    replicas.processes = [start(port) for port in replicas.ports]
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.1)
        replicas.url = f"http://127.0.0.1:{door.getsockname()[1]}"
        threads = [
            threading.Thread(target=_balance, args=[door, replicas, stop]),
            threading.Thread(target=kill),
        ]
        for thread in threads:
            thread.start()
        try:
            yield replicas
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            for process in replicas.processes:
                _end(process)


def _balance(door: socket.socket, replicas: Replicas, stop: threading.Event) -> None:
    turn = 0
    while not stop.is_set():
        try:
            client, _ = door.accept()
        except TimeoutError:
            continue
        client.settimeout(None)
        for _ in replicas.ports:
            turn += 1
            with suppress(OSError):
                port = replicas.ports[turn % len(replicas.ports)]
                behind = socket.create_connection(("127.0.0.1", port), timeout=1)
                behind.settimeout(None)
                for one, other in ((client, behind), (behind, client)):
                    threading.Thread(target=_pass_on, args=[one, other], daemon=True).start()
                break
        else:
            client.close()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while piece := one.recv(_PIECE_BYTES):
            other.sendall(piece)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        one.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
