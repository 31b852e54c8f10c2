"""Writes files and folders so that readers see them complete or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

PARTIAL = ".partial-"
"""Prefix of the names of unfinished files."""


def partial_name() -> str:
    """A unique name for an unfinished file."""
    return f"{PARTIAL}{uuid4().hex}"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces ``path`` if the block succeeds.

    Raises:
        OSError: it cannot be written; ``filename`` is ``path``.
    """
    partial = path.with_name(partial_name())
    try:
        with named_errors(path):
            with partial.open("xb") as file:
                yield file
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Add the file name to OSErrors, which lack it when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def publish_folder(prepared: Path, folder: Path) -> None:
    """Move a complete folder into place; readers see the old one, none, or the new one.

    Args:
        prepared: The complete folder, on the same file system.
        folder: Its final place; an existing folder is removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    prepared.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
