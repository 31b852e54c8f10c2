"""Starts, asks, times, ends and replaces workers, for the process that has media to decode."""

from __future__ import annotations

import logging
import math
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

import podium
from podium.containment.messages import Message, receive, send
from podium.containment.shared_memory import SharedMemory
from podium.errors import BY_STATUS, InvalidInput, Unavailable, Unprocessable
from podium.media.codecs import Check

T = TypeVar("T")

_LOOK_S = 0.05
"""How often a caller that waits checks whether its answer is still wanted."""

_MOST_WALL, _LEAST_WALL_S = 10, 60
"""A worker may take as many times its processor time, plus a minute: the machine may be busy."""

_MOST_MEDIA = 100
"""A worker is replaced after this many, and with it what a decoder leaked or a file planted."""

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""The variables that workers get, besides those of the allocator; others may hold secrets."""

_GLIBC = "glibc.malloc.hugetlb=1:glibc.cpu.x86_non_temporal_threshold=500000"
"""Frames are decoded into huge pages where the system has them, and copied past the cache, where
nobody reads them soon: half the time of a copy."""

_log = logging.getLogger("podium.containment")


class Worker:
    """One process; used by one thread at a time. Made by ``Workers``."""

    def __init__(
        self, workers: Workers, pid: int, peer: socket.socket, memory: SharedMemory | None = None
    ) -> None:
        self._workers = workers
        self._peer = peer
        self._ready = select.poll()
        self._ready.register(peer, select.POLLIN)
        self._budget_s = 0.0
        self.pid = pid
        self.memory = memory or SharedMemory()
        self.media = 0
        self.is_usable = True

    def ask(
        self, message: Message, *, field: str, check: Check, budget_s: float | None = None
    ) -> Message:
        """Ask the worker, and wait for its answer.

        A worker that has answered stays usable, also when it answers that the media are bad.

        Args:
            message: The question.
            field: The name of the media in errors.
            check: Called again and again during the wait; what it raises ends the wait.
            budget_s: Processor time for this question and the following ones together; None: what
                is left of the last budget.

        Raises:
            InvalidInput: the media are bad, as the worker says.
            Unprocessable: they ended the worker, or took too much time or memory.
        """
        forget = self.memory.dropped()
        if forget:
            tensors = {**message.tensors, "forget": np.array(forget, np.int64)}
            message = replace(message, tensors=tensors)
        if budget_s is not None:
            self._budget_s = budget_s
            self._limit_cpu(budget_s)
        self.is_usable = False
        latest = time.monotonic() + _MOST_WALL * self._budget_s + _LEAST_WALL_S
        try:
            self._peer.settimeout(latest - time.monotonic())
            send(self._peer, message)
            while not self._ready.poll(round(_LOOK_S * 1e3)):
                check()
                if time.monotonic() > latest:
                    raise TimeoutError
            answer = receive(self._peer, until=latest)
        except (OSError, EOFError, InvalidInput) as error:
            raise self._ended(field, error) from None
        self.is_usable = True
        if (status := answer.parameters.get("status")) is None:
            return answer
        text = str(answer.parameters.get("error"))
        if status in BY_STATUS:
            raise BY_STATUS[int(status)](text)
        raise self._failed(field, text)

    def end(self, *, has_hung_up: bool = False) -> int:
        """End the process. Returns the signal that had ended it before, or 0."""
        self.memory.close()
        return self._end(has_hung_up=has_hung_up)

    def hand_over(self) -> SharedMemory:
        """End the process; its successor may use its memory."""
        self._end()
        self.memory.hand_over()
        return self.memory

    def _end(self, *, has_hung_up: bool = False) -> int:
        self.is_usable = False
        self._peer.close()
        return self._workers.end(self.pid, has_hung_up=has_hung_up)

    def _limit_cpu(self, budget_s: float) -> None:
        # The clock of another process (clock_getcpuclockid): its id, inverted, above two flags.
        with suppress(OSError):  # it has ended: then nothing answers
            used = time.clock_gettime((~self.pid << 3) | 2)
            soft = math.ceil(used + budget_s)
            resource.prlimit(self.pid, resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))

    def _ended(self, field: str, error: Exception) -> Unprocessable:
        by = self.end(has_hung_up=isinstance(error, EOFError | ConnectionError))
        if by == signal.SIGXCPU or isinstance(error, TimeoutError):
            reason = f"takes more than {self._budget_s:.0f} s to decode"
        elif by == signal.SIGKILL:
            reason = "takes too much memory to decode"
        else:
            reason = "breaks its decoder"
        name = signal.Signals(by).name if by else repr(error)
        _log.warning("media %s: a worker ended by %s", reason, name)
        return Unprocessable(reason, field=field)

    def _failed(self, field: str, error: str) -> Unprocessable:
        if error == "memory":
            return Unprocessable("takes too much memory to decode", field=field)
        _log.warning("media break their decoder: %s", error)
        return Unprocessable("breaks its decoder", field=field)


class Workers:
    """Starts workers, and keeps idle ones. Thread-safe.

    Args:
        memory_bytes: Address space that a worker may take for decoding.
        idle: How many idle ones are kept for the next media.
        rest_s: Without a worker for so long, the nursery ends, and starts again for the next one;
            None: it does not end.
    """

    def __init__(self, *, memory_bytes: int, idle: int, rest_s: float | None = None) -> None:
        self._memory_bytes = memory_bytes
        self._most_idle = idle
        self._idle: list[Worker] = []
        self._memories: list[SharedMemory] = []  # of replaced workers, for their successors
        self._lock = threading.Lock()
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._asking = threading.Lock()
        self._rest_s = rest_s
        self._living: set[int] = set()  # ids of the processes of workers
        self._rest: threading.Timer | None = None

    def start(self) -> None:
        """Start the nursery, so that the first worker is there sooner."""
        with self._asking:
            self._running()

    def close(self) -> None:
        """End all workers, also those at work."""
        with self._lock:
            idle, self._idle = self._idle, []
            memories, self._memories = self._memories, []
        for worker in idle:
            worker.end()
        for memory in memories:
            memory.close()
        with self._asking:
            if self._rest is not None:
                self._rest.cancel()
            self._living.clear()
            self._end_nursery()

    def take(self) -> Worker:
        """An idle worker, or a new one. Raises Unavailable if none can be started."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            memory = self._memories.pop() if self._memories else None
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                pid = self._started(theirs.fileno())
            except (OSError, ValueError) as error:
                ours.close()
                if memory is not None:
                    memory.close()
                raise Unavailable(f"no process to decode in can be started: {error}") from None
        return Worker(self, pid, ours, memory)

    def give_back(self, worker: Worker) -> None:
        """Take back a worker that has nothing open: keep it for the next media, or end it."""
        worker.media += 1
        if not worker.is_usable:
            worker.end()
        elif worker.media < _MOST_MEDIA:
            if not self._keeps(self._idle, worker):
                worker.end()
        elif not self._keeps(self._memories, memory := worker.hand_over()):
            memory.close()

    def _keeps(self, kept: list[T], one: T) -> bool:
        """Whether there is room for one more idle worker, or memory for one, which is kept then."""
        with self._lock:
            is_open = self._control is not None
            has_room = is_open and len(self._idle) + len(self._memories) < self._most_idle
            if has_room:
                kept.append(one)
            return has_room

    def end(self, pid: int, *, has_hung_up: bool = False) -> int:
        """Kill a worker. Returns the signal that had ended it before, or 0.

        Args:
            pid: Its process id.
            has_hung_up: It has closed its socket, so it is about to end by itself.
        """
        if self._control is None:
            return 0  # closed: it ended with its nursery
        with self._asking:
            self._living.discard(pid)
            if not self._living and self._rest_s is not None:
                self._rest = threading.Timer(self._rest_s, self._rest_from_work)
                self._rest.daemon = True
                self._rest.start()
            try:
                return int(self._ask(b"%s %d" % (b"ended" if has_hung_up else b"end", pid)))
            except (OSError, ValueError):
                return 0

    def _started(self, descriptor: int) -> int:
        """The process id of a new worker. Raises OSError or ValueError."""
        with self._asking:
            if self._rest is not None:
                self._rest.cancel()
            pid = int(self._ask(b"start", descriptor))
            self._living.add(pid)
            return pid

    def _rest_from_work(self) -> None:
        with self._asking:
            if not self._living:
                self._end_nursery()

    def _end_nursery(self) -> None:
        if self._control is not None and self._nursery is not None:
            self._control.close()
            self._nursery.wait()
        self._control = self._nursery = None

    def _ask(self, question: bytes, *descriptors: int) -> bytes:
        control = self._running()
        socket.send_fds(control, [question], list(descriptors))
        return control.recv(64)

    def _running(self) -> socket.socket:
        if self._nursery is not None and self._nursery.poll() is not None:
            _log.error("the nursery of the decoders ended with %d", self._nursery.returncode)
            if self._control is not None:
                self._control.close()
            self._control = None
        if self._control is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._nursery = subprocess.Popen(  # noqa: S603 - our own module, no shell
                    [
                        sys.executable,
                        "-P",
                        "-m",
                        "podium.containment.nursery",
                        str(self._memory_bytes),
                    ],
                    stdin=theirs.fileno(),
                    env=_environment(),
                )
        return self._control


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith("MALLOC_")
    }
    package = str(Path(podium.__file__).parents[1])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    return {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": _GLIBC, **kept, **own}
