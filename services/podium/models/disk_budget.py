"""A limit on what the models of a machine take of its disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from podium.errors import SetupError
from podium.models.manifest import MANIFEST_FILE
from podium.storage.file_lock import unused

_CACHE = re.compile(r"[0-9a-f]{16}")
_VERSION = re.compile(r"[1-9][0-9]*|\.[1-9][0-9]*(-[0-9a-f]{12}\.partial|\.old)")


@dataclass(frozen=True, slots=True)
class DiskBudget:
    """A limit on the bytes of all caches under one folder.

    Args:
        folder: Holds the caches, in folders named by 16 hexadecimal digits.
        max_bytes: The limit; what was used least recently goes first.
        setting: What raises the limit, for the message.
    """

    folder: Path
    max_bytes: int
    setting: str

    def make_room(self, size: int, *, besides: Path) -> None:
        """Remove models that no process has loaded until ``size`` more bytes fit.

        To be called under the exclusive lock: downloads that lie about are nobody's then.

        Args:
            size: Bytes that will be needed for ``besides``, with what it has already.
            besides: A folder that does not count and is not removed.

        Raises:
            SetupError: what is left is in use.
        """
        folders = [each for each in self._folders() if each != besides]
        sizes = {each: _bytes_in(each) for each in folders}
        excess = sum(sizes.values()) + size - self.max_bytes
        for each in sorted(folders, key=_last_used_ns):
            if excess > 0 and _remove_unless_used(each):
                excess -= sizes[each]
        if excess > 0:
            raise SetupError(
                f"{self.folder}: {size} bytes more do not fit into {self.max_bytes} beside the "
                f"models in use; raise {self.setting}"
            )

    def _folders(self) -> Iterator[Path]:
        """What caches have made, and nothing else that may be below the folder."""
        for version in self.folder.glob("*/*/*"):
            cache = version.parent.parent.name
            if _CACHE.fullmatch(cache) and _VERSION.fullmatch(version.name) and version.is_dir():
                yield version


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _last_used_ns(folder: Path) -> int:
    """When a model was last loaded; 0 for what is only half there."""
    try:
        return (folder / MANIFEST_FILE).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _remove_unless_used(folder: Path) -> bool:
    marker = folder / MANIFEST_FILE
    if marker.is_file():
        with unused(marker) as free:
            if free:
                marker.unlink()  # from here on it is no model
    if marker.is_file():
        return False
    shutil.rmtree(folder)
    return True
