"""Advisory locks between processes (flock): one downloads; files in use are not removed."""

from __future__ import annotations

import fcntl
import logging
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger("podium.storage")


class SharedLock:
    """A shared lock on a file, held until the object is collected; there may be several.

    Raises:
        FileNotFoundError: there is no such file, or it was removed during the wait.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._close = weakref.finalize(self, os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if path.stat().st_ino != os.fstat(descriptor).st_ino:
            raise FileNotFoundError(path)


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that is not changed, moved or removed while this object lives."""

    path: Path
    keeper: object = None  # releases the file when it is collected


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the exclusive lock on a file and hold it; a missing file is created."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waiting for another process that holds %s", path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Yields whether the file is unlocked; if so, holds it exclusively inside the block.

    Raises:
        FileNotFoundError: there is no such file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)
