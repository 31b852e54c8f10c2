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
    """A destination of records."""

    def write(self, record: dict[str, Any]) -> None:
        """Write a record; never raises."""


class NoLog:
    """Drops all records."""

    def write(self, record: dict[str, Any]) -> None:
        del record


class FileLog:
    """A file for each day in a folder; lines of several processes do not mix.

    Args:
        folder: Created if it is missing.
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
        stream: Gets the lines.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def write(self, record: dict[str, Any]) -> None:
        line = orjson.dumps(record, default=str) + b"\n"
        with self._lock, suppress(OSError, ValueError):  # the reader has gone
            self._stream.write(line)
            self._stream.flush()


@contextmanager
def action(log: OperationalLog, name: str, **ids: Any) -> Iterator[dict[str, Any]]:
    """Write a record of the block, with its time and outcome.

    Args:
        log: The log.
        name: Name of the action, such as ``consume``.
        ids: Ids of the objects that it concerns.

    Yields:
        A dictionary for the outcome, which the block fills.
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
        log.write(record_of(name, started, outcome, **ids))


def record_of(name: str, started: float, outcome: dict[str, Any], **ids: Any) -> dict[str, Any]:
    """The record of an action that ends now.

    Args:
        name: Name of the action.
        started: Its start by ``time.perf_counter``.
        outcome: Its outcome; may be filled later.
        ids: Ids of the objects that it concerns.
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "action": name,
        **ids,
        "outcome": outcome,
        "duration_ms": round((time.perf_counter() - started) * 1e3, 1),
    }
