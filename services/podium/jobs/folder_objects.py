"""An object store in a folder, for one machine; signed addresses lead to the api service."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from podium.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge
from podium.jobs.objects import CHUNK_BYTES, Content, Form, Part, Stored, checked
from podium.jobs.signing import Signer

MAX_PARTS = 10_000


class FolderObjects:
    """The store; the methods are documented in ``podium.jobs.objects.Objects``.

    Args:
        root: The folder; created if it is missing.
        signer: Signs addresses.
    """

    def __init__(self, root: Path, signer: Signer) -> None:
        self.root = root.resolve()
        self._signer = signer
        self._partial = self.root / ".partial"
        self._partial.mkdir(parents=True, exist_ok=True)

    def address(self, key: str) -> str:
        return self._path(key).as_uri()

    def put(self, key: str, content: Content, *, once: bool = False) -> bool:
        target = self._path(key)
        if once and target.exists():
            return False
        partial = self._partial / secrets.token_hex(16)
        try:
            if isinstance(content, Path):
                shutil.copyfile(content, partial)
            else:
                pieces = [content] if isinstance(content, bytes) else content
                with partial.open("wb") as file:
                    file.writelines(pieces)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not once:
                partial.replace(target)
                return True
            try:
                target.hardlink_to(partial)
            except FileExistsError:
                return False
            return True
        finally:
            partial.unlink(missing_ok=True)

    def read(self, key: str) -> Iterator[bytes]:
        path = self._existing(key)
        with path.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece

    def size_bytes(self, key: str) -> int:
        return self._existing(key).stat().st_size

    @contextmanager
    def local(self, address: str) -> Iterator[Path]:
        parts = urlsplit(address)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise Forbidden("uri: only file: addresses are read here")
        path = Path(unquote(parts.path))
        try:
            is_there = path.is_file()
        except OSError:  # no file can have such a name
            is_there = False
        if not is_there:
            raise NotFound(f"uri: there is no file {address[:200]}")
        yield path

    def copy(self, key: str, target: str) -> None:
        self.put(target, self._existing(key))

    def below(self, prefix: str) -> Iterator[Stored]:
        folder = self._path(prefix)
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
            if path.is_file():
                yield Stored(path.relative_to(self.root).as_posix(), path.stat().st_size)

    def delete_all(self, prefix: str) -> int:
        found = list(self.below(prefix))
        for stored in found:
            self._path(stored.key).unlink(missing_ok=True)
        shutil.rmtree(self._path(prefix), ignore_errors=True)  # the remaining empty folders
        return len(found)

    def download_url(self, key: str, *, seconds: float, name: str) -> str:
        return self._signer.url("read", checked(key), seconds=seconds, name=name)

    def upload_form(self, key: str, *, max_bytes: int, seconds: float) -> Form:
        fields = self._signer.fields(
            "upload", checked(key), seconds=seconds, max_bytes=str(max_bytes)
        )
        return Form(f"{self._signer.base_url}/{key}", fields)

    def begin_parts(self, key: str) -> str:
        upload = secrets.token_hex(16)
        self._parts_folder(key, upload).mkdir(parents=True)
        return upload

    def part_url(
        self, key: str, upload: str, number: int, *, max_bytes: int, seconds: float
    ) -> str:
        if not 1 <= number <= MAX_PARTS:
            raise InvalidInput(f"must be 1 to {MAX_PARTS}", field="number")
        allowed = {"upload": upload, "number": str(number), "max_bytes": str(max_bytes)}
        return self._signer.url("part", checked(key), seconds=seconds, **allowed)

    def parts(self, key: str, upload: str) -> list[Part]:
        with _upload_there():
            paths = sorted(self._parts_folder(key, upload).iterdir())
        found = []
        for path in paths:
            number, _, etag = path.name.partition("-")
            with suppress(FileNotFoundError):  # another one has just come in its place
                found.append(Part(int(number), path.stat().st_size, etag))
        return found

    def join_parts(self, key: str, upload: str, parts: list[Part]) -> None:
        folder = self._parts_folder(key, upload)

        def pieces() -> Iterator[bytes]:
            for part in parts:
                try:
                    file = (folder / _part_name(part.number, part.etag)).open("rb")
                except FileNotFoundError:
                    raise Conflict(f"part {part.number} has just been sent again") from None
                with file:
                    while piece := file.read(CHUNK_BYTES):
                        yield piece

        self.put(key, pieces())
        shutil.rmtree(folder, ignore_errors=True)

    def abort_parts(self, key: str, upload: str) -> None:
        shutil.rmtree(self._parts_folder(key, upload), ignore_errors=True)

    # Called by the api service for requests to signed addresses.

    def check_form(self, key: str, fields: dict[str, str]) -> dict[str, str]:
        """What the fields of a form allow. Raises Forbidden."""
        return self._signer.check("upload", checked(key), fields)

    def receive(self, key: str, fields: dict[str, str], content: Iterable[bytes]) -> None:
        """Store the file of a form. Raises Forbidden or TooLarge."""
        allowed = self.check_form(key, fields)
        self.put(key, _at_most(int(allowed["max_bytes"]), content))

    def check_part(self, key: str, query: dict[str, str]) -> dict[str, str]:
        """What a signed address of a part allows. Raises Forbidden."""
        return self._signer.check("part", checked(key), query)

    def receive_part(self, key: str, query: dict[str, str], content: Iterable[bytes]) -> str:
        """Store a part, replacing an earlier one; returns its ETag.

        Raises:
            Forbidden, TooLarge: the signed address does not allow this.
            NotFound: the upload has ended.
        """
        allowed = self.check_part(key, query)
        folder = self._parts_folder(key, allowed["upload"])
        digest = hashlib.sha256()
        partial = self._partial / secrets.token_hex(16)
        try:
            with partial.open("wb") as file:
                for piece in _at_most(int(allowed["max_bytes"]), content):
                    digest.update(piece)
                    file.write(piece)
            earlier = list(folder.glob(f"{int(allowed['number']):05d}-*"))
            with _upload_there():
                partial.replace(folder / _part_name(int(allowed["number"]), digest.hexdigest()))
            for path in earlier:
                if path.name != _part_name(int(allowed["number"]), digest.hexdigest()):
                    path.unlink(missing_ok=True)
        finally:
            partial.unlink(missing_ok=True)
        return digest.hexdigest()

    def send(self, key: str, query: dict[str, str]) -> tuple[str, Path]:
        """The file name and the file for a signed address. Raises Forbidden, NotFound."""
        allowed = self._signer.check("read", checked(key), query)
        return allowed["name"], self._existing(key)

    def _path(self, key: str) -> Path:
        return self.root / checked(key)

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise NotFound(f"there is no object {key}")
        return path

    def _parts_folder(self, key: str, upload: str) -> Path:
        if not upload.isalnum():
            raise NotFound("there is no such upload in parts")
        return self.root / ".parts" / hashlib.sha256(checked(key).encode()).hexdigest() / upload


def _part_name(number: int, etag: str) -> str:
    return f"{number:05d}-{etag}"


def _at_most(limit: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limit:
            raise TooLarge(f"is larger than the {limit} bytes that were announced", field="file")
        yield piece


@contextmanager
def _upload_there() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound("this upload has been completed or aborted") from None
