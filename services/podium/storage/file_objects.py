"""``file:`` addresses (RFC 8089) under allowed folders."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

from podium.errors import Forbidden, InvalidInput, NotFound, TooLarge, raise_if_exhausted
from podium.storage.file_locks import HeldFile
from podium.whole_files import partial_name

_DESCRIPTORS = Path("/proc/self/fd")
_NO_LINKS = os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | _NO_LINKS
"""Opening a pipe does not block."""

_LINK_ERRORS = (errno.ELOOP, errno.ENOTDIR)


class FileObjects:
    """Regular files inside the roots, after symbolic links are resolved.

    Links are resolved once, to check where the address leads. The file is then opened from its
    root downwards without following links, and read through that descriptor: so the checked file
    is read, even if names change meanwhile. (Without ``/proc``, outside Linux, it is read by its
    name.)
    """

    def __init__(
        self, read_roots: Sequence[Path], write_roots: Sequence[Path], max_bytes: int
    ) -> None:
        self._roots = {
            False: [root.resolve() for root in read_roots],
            True: [root.resolve() for root in write_roots],
        }
        self._max_bytes = max_bytes

    def check(self, uri: str, *, write: bool) -> None:
        """Raise InvalidInput or Forbidden unless ``uri`` may be read or written."""
        self._path(uri, write=write)

    def fetch(self, uri: str) -> HeldFile:
        """Open a regular file. Raises NotFound, Forbidden, TooLarge or InvalidInput."""
        root, path = self._path(uri, write=False)
        try:
            descriptor = _open(root, path)
        except OSError as error:
            raise_if_exhausted(error)
            if isinstance(error, PermissionError):
                raise Forbidden("uri: cannot be read (Permission denied)") from None
            if error.errno in _LINK_ERRORS:
                raise Forbidden("uri: became a link to elsewhere while it was opened") from None
            raise NotFound(f"uri: there is no file {uri}") from None
        opened = _Descriptor(descriptor)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidInput("is not a regular file", field="uri")
        if status.st_size > self._max_bytes:
            raise TooLarge(
                f"is {status.st_size} bytes; at most {self._max_bytes} are allowed", field="uri"
            )
        return HeldFile(_DESCRIPTORS / str(descriptor) if _DESCRIPTORS.exists() else path, opened)

    def write(self, source: Path, prefix: str, name: str) -> str:
        """Copy ``source`` to ``prefix/name`` and return the address."""
        root, target = self._path(f"{prefix}/{quote(os.fsencode(name))}", write=True)
        if target == root:
            raise Forbidden("uri: is a folder that is written into, not a file")
        try:
            with _folder(root, target.parent, create=True) as folder:
                _copy(source, target.name, folder)
        except OSError as error:
            raise_if_exhausted(error)
            if error.errno in _LINK_ERRORS:
                raise Forbidden("uri: leads through a link to elsewhere") from None
            raise InvalidInput(
                f"{target} cannot be written ({error.strerror})", field="uri"
            ) from error
        return target.as_uri()

    def _path(self, uri: str, *, write: bool) -> tuple[Path, Path]:
        """The root that allows an address, and the resolved path."""
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise InvalidInput("is not an address", field="uri") from None
        path = os.fsdecode(unquote_to_bytes(parts.path))
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise InvalidInput("must look like file:///folder/name", field="uri")
        if not path.startswith("/") or "\0" in path:
            raise InvalidInput("must be an absolute path", field="uri")
        try:
            resolved = Path(path).resolve()
        except (OSError, RuntimeError, UnicodeError):  # a loop of links, a name too long
            raise InvalidInput("is not a usable path", field="uri") from None
        for root in self._roots[write]:
            if resolved.is_relative_to(root):
                return root, resolved
        raise Forbidden(f"uri: is outside the folders that may be {'written' if write else 'read'}")


class _Descriptor:
    """Closes an open file when it is collected."""

    def __init__(self, descriptor: int) -> None:
        weakref.finalize(self, os.close, descriptor)


def _open(root: Path, path: Path) -> int:
    """Open what lies at or below a root, following no links below it. Raises OSError."""
    if path == root:
        return os.open(path, _READ)
    with _folder(root, path.parent) as folder:
        return os.open(path.name, _READ, dir_fd=folder)


@contextmanager
def _folder(root: Path, folder: Path, *, create: bool = False) -> Iterator[int]:
    """Open a folder at or below a root, following no links below it.

    Args:
        root: A link here is followed.
        folder: The root or a folder below it.
        create: Whether to create missing folders.

    Raises:
        OSError: ELOOP or ENOTDIR if a part of the path is a link.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if create:
        root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, flags)
    try:
        for name in folder.relative_to(root).parts:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=descriptor)
            below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _copy(source: Path, name: str, folder: int) -> None:
    """Copy a file into an open folder; it appears complete or not at all."""
    partial = partial_name()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS
    descriptor = os.open(partial, flags, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file, source.open("rb") as content:
            shutil.copyfileobj(content, file, 1 << 20)
        os.replace(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(partial, dir_fd=folder)
        raise
