"""A folder of downloaded objects that never holds more than a fixed number of bytes."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from podium.errors import Overloaded, TooLarge

IN_USE_S = 60.0
"""A file handed out this recently may be about to be opened and is not removed."""


class ObjectCache:
    """Least recently used files under a byte cap; processes may share the folder.

    Args:
        folder: Where the files lie; made when missing, readable by its owner only.
        max_bytes: Cap on the sum of their sizes.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def get(self, name: str) -> Path | None:
        """The file called ``name``, marked as used now, or None."""
        path = self._folder / name
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def put(self, name: str, chunks: Iterable[bytes], size: int) -> Path:
        """Write a file of ``size`` bytes; readers see all of it or nothing.

        Raises:
            Overloaded: the cache is full of files that are in use.
            TooLarge: more than ``size`` bytes came.
        """
        with self._lock:
            self._make_room(size)
            descriptor, partial = tempfile.mkstemp(prefix=".partial-", dir=self._folder)
            os.truncate(descriptor, size)  # counts against the cap from now on
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    if file.tell() + len(chunk) > size:
                        raise TooLarge(f"is longer than its declared {size} bytes", field="uri")
                    file.write(chunk)
                file.truncate()
            path = self._folder / name
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
        return path

    def _make_room(self, size: int) -> None:
        files = sorted(
            ((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in self._scan()),
        )
        excess = sum(size for _, size, _ in files) + size - self._max_bytes
        for used_s, bytes_, path in files:
            if excess <= 0:
                return
            if abs(time.time() - used_s) < IN_USE_S:  # either way: the clock may be put back
                continue
            Path(path).unlink(missing_ok=True)
            excess -= bytes_
        if excess > 0:
            raise Overloaded(
                f"the object cache of {self._max_bytes} bytes is full of objects in use",
                retry_after_s=IN_USE_S,
            )

    def _scan(self) -> list[os.DirEntry[str]]:
        with os.scandir(self._folder) as entries:
            return [entry for entry in entries if entry.is_file(follow_symlinks=False)]
