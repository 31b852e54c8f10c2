"""A cache of downloaded objects: files named by object and version."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from podium.errors import Overloaded, TooLarge
from podium.storage.file_locks import HeldFile, SharedLock
from podium.storage.folder_cache import LOCK_FILE, Entry, FolderCache, hold
from podium.whole_files import partial_name

_RETRY_AFTER_S = 30.0


class ObjectCache:
    """Objects under a byte limit.

    Args:
        folder: Folder of the objects.
        max_bytes: Limit of the sum of their sizes.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._cache = FolderCache(folder, max_bytes, _files)

    def get(self, name: str) -> HeldFile | None:
        """The object called ``name``, or None."""
        return hold(self._cache.folder / name)

    def put(self, name: str, chunks: Iterable[bytes], size: int) -> HeldFile:
        """Write an object of ``size`` bytes; readers see it complete or not at all.

        Raises:
            Overloaded: the cache is full of objects that are in use.
            TooLarge: the object has more than ``size`` bytes.
        """
        partial = self._cache.folder / partial_name()
        path = self._cache.folder / name
        with self._cache.lock():
            if not self._cache.make_room(size):
                raise Overloaded(
                    f"the object cache of {self._cache.max_bytes} bytes is full of objects in use",
                    retry_after_s=_RETRY_AFTER_S,
                )
            partial.touch(0o600)
            lock = SharedLock(partial)  # if this process dies, others can remove the file
            os.truncate(partial, size)  # counts against the limit from now on
        try:
            with partial.open("r+b") as file:
                for chunk in chunks:
                    if file.tell() + len(chunk) > size:
                        raise TooLarge(f"is longer than its declared {size} bytes", field="uri")
                    file.write(chunk)
                file.truncate()
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return HeldFile(path, lock)


def _files(folder: Path) -> Iterator[Entry]:
    for path in folder.iterdir():
        if path.name != LOCK_FILE and path.is_file() and not path.is_symlink():
            yield Entry(path, path)
