"""Reads bytes of media from memory, from a path, or from an open file."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open regular file, for processes that are not allowed to open files.

    Args:
        descriptor: File descriptor; its owner closes it. Its position is not used.
    """

    descriptor: int


Data = bytes | Path | OpenFile


def opened(data: Data) -> BinaryIO:
    """A reader with its own position. Raises OSError."""
    if isinstance(data, bytes):
        return io.BytesIO(data)
    if isinstance(data, Path):
        return data.open("rb")
    return io.BufferedReader(_Positioned(data.descriptor), buffer_size=1 << 15)


def size_bytes(data: Data) -> int:
    """Size in bytes. Raises OSError."""
    if isinstance(data, bytes):
        return len(data)
    status = data.stat() if isinstance(data, Path) else os.fstat(data.descriptor)
    return status.st_size


class _Positioned(io.RawIOBase):
    """Reads from a shared descriptor, with its own position."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = os.preadv(self._descriptor, [buffer], self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        if base is None:
            base = os.fstat(self._descriptor).st_size
        if base + offset < 0:
            raise OSError("a position before the file")
        self._at = base + offset
        return self._at
