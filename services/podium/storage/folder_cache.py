"""A folder of downloads with a limit of bytes, shared by processes."""

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
    """One download: a file, or a folder with a marker file."""

    path: Path
    marker: Path  # locked while the download is in use; its time is that of the last use

    @property
    def size_bytes(self) -> int:
        """Bytes on the disk; 0 if it was just removed."""
        try:
            files = [self.path] if self.path.is_file() else list(self.path.iterdir())
            return sum(file.stat().st_size for file in files)
        except FileNotFoundError:
            return 0

    @property
    def used_ns(self) -> int:
        """Time of the last use; 0 for an unfinished download."""
        try:
            return self.marker.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def remove_unless_used(self) -> bool:
        """Remove it unless it is in use; returns whether it was removed."""
        try:
            with unused(self.marker) as free:
                if not free:
                    return False
                self.marker.unlink()  # from here on no process can hold it
        except FileNotFoundError:
            pass
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.unlink(missing_ok=True)
        return not self.path.exists()


class FolderCache:
    """Downloads under a byte limit; the least recently used are removed, those in use stay.

    Args:
        folder: Folder of the downloads; created when needed, readable only by its owner.
        max_bytes: The limit.
        entries: Lists the downloads; nothing else below the folder is ever removed.
    """

    def __init__(
        self, folder: Path, max_bytes: int, entries: Callable[[Path], Iterable[Entry]]
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._entries = entries

    def lock(self) -> AbstractContextManager[None]:
        """The lock of the cache, for ``make_room``. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return exclusive(self.folder / LOCK_FILE)

    def make_room(self, size: int, *, besides: Path | None = None) -> bool:
        """Remove unused downloads until ``size`` more bytes fit; call it with the lock held.

        Args:
            size: Bytes needed; with ``besides``, the whole size of that download.
            besides: An unfinished download that is not counted and not removed.

        Returns:
            Whether they fit now; if not, the remaining downloads are in use.
        """
        entries = [entry for entry in self._entries(self.folder) if entry.path != besides]
        sizes = {entry: entry.size_bytes for entry in entries}
        excess = sum(sizes.values()) + size - self.max_bytes
        for entry in sorted(entries, key=lambda entry: entry.used_ns):
            if excess > 0 and entry.remove_unless_used():
                excess -= sizes[entry]
        return excess <= 0


def hold(path: Path, marker: Path | None = None) -> HeldFile | None:
    """Protect a download from removal and mark it as used now; None if it is missing."""
    marker = marker or path
    try:
        lock = SharedLock(marker)
        os.utime(marker)
    except FileNotFoundError:
        return None
    return HeldFile(path, lock)
