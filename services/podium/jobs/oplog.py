"""The operational log: one line of JSON for each action, with its time, ids and outcome."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

from podium.errors import PodiumError


class OperationalLog(Protocol):
    """Where records go."""

    def write(self, record: dict[str, Any]) -> None:
        """Keep a record; never raises."""


class NoLog:
    """Keeps nothing."""

    def write(self, record: dict[str, Any]) -> None:
        del record


class FileLog:
    """A file for each day in a folder; lines of several processes do not mix.

    Args:
        folder: Made when it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def write(self, record: dict[str, Any]) -> None:
        line = orjson.dumps(record, default=str) + b"\n"
        path = self._folder / f"operations-{datetime.now(UTC):%Y-%m-%d}.jsonl"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)
        except OSError:
            pass  # a full disk must not stop the work that the log is about


class StreamLog:
    """Lines on a stream, such as the standard output of a container.

    Args:
        stream: Written to line by line.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def write(self, record: dict[str, Any]) -> None:
        line = orjson.dumps(record, default=str) + b"\n"
        with self._lock, suppress(OSError, ValueError):  # nobody reads any more
            self._stream.write(line)
            self._stream.flush()


@contextmanager
def action(log: OperationalLog, name: str, **ids: Any) -> Iterator[dict[str, Any]]:
    """Record what the block does.

    Args:
        log: Where to.
        name: Of the action, such as ``consume``.
        ids: Whose it is.

    Yields:
        What the record says of the outcome; the block fills it.
    """
    outcome: dict[str, Any] = {}
    started = time.perf_counter()
    try:
        yield outcome
    except BaseException as error:
        text = error.message if isinstance(error, PodiumError) else type(error).__name__
        outcome["error"] = text
        raise
    finally:
        log.write(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "action": name,
                **ids,
                "outcome": outcome,
                "duration_ms": round((time.perf_counter() - started) * 1e3, 1),
            }
        )
