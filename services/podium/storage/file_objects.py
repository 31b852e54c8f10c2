"""``file:`` addresses (RFC 8089) under allowed folders."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from podium.errors import Forbidden, InvalidInput, NotFound, TooLarge


class FileObjects:
    """Regular files inside the roots, after symbolic links are resolved."""

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

    def fetch(self, uri: str) -> Path:
        """The resolved path of a regular file that is not too large."""
        path = self._path(uri, write=False)
        try:
            status = path.stat()
        except OSError:
            raise NotFound(f"uri: there is no file {uri}") from None
        if not stat.S_ISREG(status.st_mode):
            raise InvalidInput("is not a regular file", field="uri")
        if status.st_size > self._max_bytes:
            raise TooLarge(
                f"is {status.st_size} bytes; at most {self._max_bytes} are allowed", field="uri"
            )
        if not os.access(path, os.R_OK):
            raise Forbidden("uri: cannot be read (Permission denied)")
        return path

    def write(self, source: Path, prefix: str, name: str) -> str:
        """Copy ``source`` to ``prefix/name`` and return the address."""
        target = self._path(f"{prefix}/{quote(name)}", write=True)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, partial = tempfile.mkstemp(prefix=".partial-", dir=target.parent)
            os.close(descriptor)
            try:
                shutil.copyfile(source, partial)
                shutil.copymode(source, partial)
                Path(partial).replace(target)
            finally:
                Path(partial).unlink(missing_ok=True)
        except OSError as error:
            raise InvalidInput(f"cannot be written to ({error.strerror})", field="uri") from error
        return target.as_uri()

    def _path(self, uri: str, *, write: bool) -> Path:
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise InvalidInput("is not an address", field="uri") from None
        path = unquote(parts.path)
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise InvalidInput("must look like file:///folder/name", field="uri")
        if not path.startswith("/") or "\0" in path:
            raise InvalidInput("must be an absolute path", field="uri")
        try:
            resolved = Path(path).resolve()
        except (OSError, RuntimeError, UnicodeError):  # a loop of links, a name too long
            raise InvalidInput("is not a usable path", field="uri") from None
        if not any(resolved.is_relative_to(root) for root in self._roots[write]):
            raise Forbidden(
                f"uri: is outside the folders that may be {'written' if write else 'read'}"
            )
        return resolved
