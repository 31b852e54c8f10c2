"""The store of uploads and results: one interface for a folder and for S3.

A key is a plain relative path that Podium makes from ids; it never contains names from users.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from podium.errors import InvalidInput

CHUNK_BYTES = 1 << 20
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Form:
    """A form with which a browser or program can post a file, as the field ``file``."""

    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an upload that has arrived."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in the store."""

    key: str
    size_bytes: int


Content = bytes | Path | Iterable[bytes]
"""Content of an object: all bytes, a local file, or pieces."""


class Objects(Protocol):
    """A store of objects. Every method may raise Unavailable; those that read, NotFound."""

    def address(self, key: str) -> str:
        """The address by which the services of a tier read the object or folder."""

    def put(self, key: str, content: Content, *, once: bool = False) -> bool:
        """Write an object; it appears complete or not at all.

        Args:
            key: Key of the object.
            content: Its bytes.
            once: Do not replace an existing object.

        Returns:
            Whether it was written.
        """

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes in pieces."""

    def size_bytes(self, key: str) -> int:
        """Size of the object."""

    def local(self, address: str) -> AbstractContextManager[Path]:
        """The object at an address as a local file, while the block runs.

        Raises:
            Forbidden: the address does not belong to this store.
        """

    def copy(self, key: str, target: str) -> None:
        """Copy an object; an existing ``target`` is replaced."""

    def below(self, prefix: str) -> Iterator[Stored]:
        """The object with this key and those below it, in the order of their keys."""

    def delete_all(self, prefix: str) -> int:
        """Delete the object with this key and those below it; returns their number."""

    def download_url(self, key: str, *, seconds: float, name: str) -> str:
        """An address from which anyone can download the object, with this file name."""

    def upload_form(self, key: str, *, max_bytes: int, seconds: float) -> Form:
        """A form for one file of at most ``max_bytes``."""

    def begin_parts(self, key: str) -> str:
        """Begin an upload in parts; returns its name in the store."""

    def part_url(
        self, key: str, upload: str, number: int, *, max_bytes: int, seconds: float
    ) -> str:
        """Address to ``PUT`` a part (from 1) of at most ``max_bytes``."""

    def parts(self, key: str, upload: str) -> list[Part]:
        """The parts that have arrived, by number."""

    def join_parts(self, key: str, upload: str, parts: list[Part]) -> None:
        """Make the object from its parts."""

    def abort_parts(self, key: str, upload: str) -> None:
        """Delete the parts that have arrived."""


def checked(key: str) -> str:
    """Return the key. Raises InvalidInput unless it is a plain relative path."""
    if len(key) > 900 or not _KEY.fullmatch(key):
        raise InvalidInput("is not the key of an object", field="key")
    return key


def job_folder(project_id: int, job_id: int) -> str:
    """Folder of all objects of a job."""
    return f"projects/{project_id}/jobs/{job_id}"


def upload_key(project_id: int, upload_id: int) -> str:
    """Key of an upload."""
    return f"projects/{project_id}/uploads/{upload_id}"


def suffix_of(name: str) -> str:
    """The suffix of a file name if it is harmless, such as ``.mp4``; else an empty string."""
    suffix = Path(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""
