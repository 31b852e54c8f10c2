"""A folder of downloads that never holds more than a fixed number of bytes; processes share it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from podium.storage.file_locks import HeldFile, SharedLock, exclusive, unused

LOCK_FILE = ".lock"


@dataclass(frozen=True, slots=True)
class Entry:
    """One download: a file, or a folder with a file that stands for it."""

    path: Path
    marker: Path  # locked while somebody uses the download; its time is that of the last use

    @property
    def size_bytes(self) -> int:
        """What it takes; 0 when it has just gone."""
        try:
            files = [self.path] if self.path.is_file() else list(self.path.iterdir())
            return sum(file.stat().st_size for file in files)
        except FileNotFoundError:
            return 0

    @property
    def used_ns(self) -> int:
        """When it was last used; 0 for what is only half there."""
        try:
            return self.marker.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def remove_unless_used(self) -> bool:
        """Remove it, unless somebody holds it; whether it is gone."""
        try:
            with unused(self.marker) as free:
                if not free:
                    return False
                self.marker.unlink()  # from here on nobody can hold it
        except FileNotFoundError:
            pass
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.unlink(missing_ok=True)
        return not self.path.exists()


class FolderCache:
    """Downloads under a byte cap; those used least recently go first, and those in use stay.

    Args:
        folder: Where they lie; made when it is needed, readable by its owner only.
        max_bytes: The cap.
        entries: Finds what is there; nothing else below the folder is ever removed.
    """

    def __init__(
        self, folder: Path, max_bytes: int, entries: Callable[[Path], Iterable[Entry]]
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._entries = entries

    def lock(self) -> AbstractContextManager[None]:
        """Hold off everybody else who makes room. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return exclusive(self.folder / LOCK_FILE)

    def make_room(self, size: int, *, besides: Path | None = None) -> bool:
        """Remove what nobody uses until ``size`` more bytes fit; to be called under the lock.

        Args:
            size: Bytes that will be needed, for ``besides`` with what it has already.
            besides: A download that does not count and is not removed.

        Returns:
            Whether they fit now; if not, what is left is in use.
        """
        entries = [entry for entry in self._entries(self.folder) if entry.path != besides]
        sizes = {entry: entry.size_bytes for entry in entries}
        excess = sum(sizes.values()) + size - self.max_bytes
        for entry in sorted(entries, key=lambda entry: entry.used_ns):
            if excess > 0 and entry.remove_unless_used():
                excess -= sizes[entry]
        return excess <= 0


def hold(path: Path, marker: Path | None = None) -> HeldFile | None:
    """Keep a download from being removed and mark it as used now; None when it is not there."""
    marker = marker or path
    try:
        lock = SharedLock(marker)
        os.utime(marker)
    except FileNotFoundError:
        return None
    return HeldFile(path, lock)
