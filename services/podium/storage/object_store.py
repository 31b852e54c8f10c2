"""Files that requests name by ``uri``: read and written only inside allow-lists.

``file:`` addresses (RFC 8089) must lie under an allowed folder once symbolic links are resolved,
``s3:`` addresses under an allowed prefix. Everything else is refused.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from podium.errors import Forbidden, InvalidInput, TooLarge
from podium.storage.file_locks import HeldFile
from podium.storage.file_objects import FileObjects
from podium.storage.object_cache import ObjectCache
from podium.storage.s3_objects import S3Objects
from podium.storage.settings import ObjectStoreSettings

_MAX_URI_CHARACTERS = 8192
"""Twice the longest path on Linux, because of percent encoding."""


class _Objects(Protocol):
    def check(self, uri: str, *, write: bool) -> None: ...
    def fetch(self, uri: str) -> HeldFile: ...
    def write(self, source: Path, prefix: str, name: str) -> str: ...


class ObjectStore:
    """Reads and writes the objects that the settings allow."""

    def __init__(self, settings: ObjectStoreSettings) -> None:
        folder = settings.cache_dir
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="podium-objects-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._schemes: dict[str, _Objects] = {
            "file": FileObjects(
                settings.read_roots, settings.write_roots, settings.max_object_bytes
            ),
            "s3": S3Objects(
                settings.s3_read_prefixes,
                settings.s3_write_prefixes,
                settings.max_object_bytes,
                ObjectCache(folder, settings.cache_bytes),
                settings.connection(),
            ),
        }
        self._fetching: weakref.WeakValueDictionary[str, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    def check(self, uri: str, *, write: bool = False) -> None:
        """Check that ``uri`` may be read (or written); the object itself is not accessed.

        Raises:
            InvalidInput: ``uri`` is malformed.
            Forbidden: it is outside the allow-list or of another scheme.
        """
        self._objects(uri).check(uri, write=write)

    async def fetch(self, uri: str) -> HeldFile:
        """Get a local copy of an object; it is kept while the result lives.

        Raises:
            InvalidInput, Forbidden: see ``check``; or it is not a regular file.
            NotFound: there is no such object.
            TooLarge: it is over ``max_object_bytes``, or ``uri`` is too long.
            Overloaded: the cache is full of objects in use.
            Unavailable: the object store does not answer.
        """
        objects = self._objects(uri)
        async with self._fetching.setdefault(uri, asyncio.Lock()):  # one download, many readers
            return await asyncio.to_thread(objects.fetch, uri)

    async def publish(self, files: Mapping[str, Path], prefix: str) -> dict[str, str]:
        """Write local files below ``prefix``; each appears complete or not at all.

        Args:
            files: Name below the prefix (``overlay.mp4``, ``frames/0001.png``) -> local file.
            prefix: ``file:`` or ``s3:`` address of a folder.

        Returns:
            Name -> address.

        Raises:
            InvalidInput, Forbidden: see ``check``; or a name leads out of the prefix.
            Unavailable: the object store does not answer.
        """
        objects = self._objects(prefix)
        objects.check(prefix, write=True)
        for name in files:
            if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
                raise InvalidInput(f"{name!r} is not a plain relative path", field="files")
        return {
            name: await asyncio.to_thread(objects.write, path, prefix.rstrip("/"), name)
            for name, path in files.items()
        }

    def _objects(self, uri: str) -> _Objects:
        if len(uri) > _MAX_URI_CHARACTERS:
            raise TooLarge(
                f"has {len(uri)} characters; at most {_MAX_URI_CHARACTERS} are read", field="uri"
            )
        scheme, colon, _ = uri.partition(":")
        if not colon:
            raise InvalidInput("must start with file: or s3:", field="uri")
        try:
            return self._schemes[scheme.lower()]
        except KeyError:
            raise Forbidden("uri: only file: and s3: addresses are read") from None
