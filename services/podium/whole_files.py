"""Files and folders that are under their names whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

PARTIAL = ".partial-"
"""What the names of files begin with while they are written."""


def partial_name() -> str:
    """A name that no other file has."""
    return f"{PARTIAL}{uuid4().hex}"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that replaces ``path`` when the block ends well.

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
    """Errors of the system, which do not know the file when its disk is full, with its name."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def publish_folder(prepared: Path, folder: Path) -> None:
    """Move a complete folder into place; readers see the old one, none, or the new one.

    Args:
        prepared: On the same file system.
        folder: Where it shall be; what is there is removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    prepared.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
