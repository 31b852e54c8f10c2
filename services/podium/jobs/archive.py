"""Untrusted ZIP archives: the directory is checked before entries are read, as streams.

Nothing is extracted to a name from the archive. The directory is checked against limits; an entry
that is longer than declared is an error.
"""

from __future__ import annotations

import itertools
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Self

from podium.errors import InvalidInput, TooLarge, UnsupportedMedia
from podium.jobs.objects import CHUNK_BYTES

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
"""First bytes of a ZIP; the second form is an empty one."""

_OTHERS = (
    b"PK\x07\x08",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
)
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER_BYTES = 30
_MAX_NAME_BYTES = 512
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,  # NotImplementedError is one: a flag or method in the entry's own header
)
_SMALL_BYTES = 1 << 20
"""The limit of the ratio does not hold for smaller entries: text files compress well."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Limits of an archive."""

    entries: int = 1000
    directory_bytes: int = 1 << 20
    entry_bytes: int = 8 << 30
    total_bytes: int = 50 << 30
    ratio: int = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive; its name is only shown to people."""

    name: str
    size_bytes: int
    info: zipfile.ZipInfo


class Archive:
    """A ZIP archive; open while entered.

    Args:
        path: Local file.
        limits: Checked before any entry is read.

    Raises:
        InvalidInput: it is damaged, encrypted, or malicious; the message names the entry.
        TooLarge: it exceeds one of the limits.
        UnsupportedMedia: an unsupported compression method, or an archive in the archive.
    """

    def __init__(self, path: Path, limits: ArchiveLimits = ArchiveLimits()) -> None:
        self._file = _Careful(path, limits.directory_bytes)
        try:
            self._zip = zipfile.ZipFile(self._file)
            self.entries = _checked(self._zip.infolist(), limits, path.stat().st_size)
            for entry in self.entries:
                _check_head(entry, self._head(entry))
        except _DAMAGE as error:
            self._file.close()
            raise InvalidInput(f"is a damaged ZIP archive ({error})", field="upload") from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def read(self, entry: Entry) -> Iterator[bytes]:
        """The bytes of an entry in pieces; never more than it declares.

        Raises:
            InvalidInput: it is damaged, or longer than it declares.
        """
        try:
            with self._zip.open(entry.info) as file:
                while piece := file.read(CHUNK_BYTES):
                    yield piece
        except _DAMAGE:
            raise InvalidInput(
                f"{_shown(entry.name)} is damaged, or not as long as the archive says",
                field="upload",
            ) from None

    def _head(self, entry: Entry) -> bytes:
        try:
            with self._zip.open(entry.info) as file:
                return file.read(min(16, entry.size_bytes))
        except _DAMAGE:  # only this entry is damaged; reading it reports that
            return b""


def is_archive(path: Path) -> bool:
    """Whether a file is a ZIP archive, by its first bytes."""
    with path.open("rb") as file:
        return file.read(max(map(len, SIGNATURES))).startswith(SIGNATURES)


def _checked(
    infos: Sequence[zipfile.ZipInfo], limits: ArchiveLimits, size_bytes: int
) -> tuple[Entry, ...]:
    if len(infos) > limits.entries:
        raise TooLarge(
            f"has {len(infos)} entries; at most {limits.entries} are taken", field="upload"
        )
    for info in infos:
        if not info.filename:
            raise _refused(info, "is an entry without a name")
        if not 0 <= info.header_offset < size_bytes:
            raise _refused(info, "is said to begin outside of the archive")
    files = [info for info in infos if not info.is_dir()]
    total = sum(info.file_size for info in files)
    if total > limits.total_bytes:
        raise TooLarge(
            f"unpacks to {total} bytes; at most {limits.total_bytes} are taken", field="upload"
        )
    _check_overlap(infos)
    seen: set[str] = set()
    for info in infos:
        _check_entry(info, limits)
        name = unicodedata.normalize("NFC", info.filename.rstrip("/")).casefold()
        if name in seen:
            raise _refused(info, "is there twice")
        seen.add(name)
    return tuple(
        Entry(info.filename, info.file_size, info)
        for info in files
        if not _is_of_the_system(info.filename)
    )


def _check_entry(info: zipfile.ZipInfo, limits: ArchiveLimits) -> None:
    _check_name(info)
    if info.flag_bits & _ENCRYPTED:
        raise _refused(info, "is encrypted; send it without a password")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(info, "is a link or a device, not a file")
    if info.compress_type not in _METHODS:
        raise UnsupportedMedia(
            f"{_shown(info.filename)} is compressed in a way that is not read; use deflate",
            field="upload",
        )
    if info.file_size > limits.entry_bytes:
        raise TooLarge(
            f"{_shown(info.filename)} unpacks to {info.file_size} bytes; at most "
            f"{limits.entry_bytes} are taken",
            field="upload",
        )
    most = max(_SMALL_BYTES, limits.ratio * info.compress_size)
    if info.file_size > most:
        raise _refused(info, f"is compressed more than {limits.ratio} times, as no video is")
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        raise _refused(info, "declares two lengths")


def _check_name(info: zipfile.ZipInfo) -> None:
    name = info.filename
    original = info.orig_filename
    parts = name.rstrip("/").replace("\\", "/").split("/")
    if "\0" in original or any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise _refused(info, "has control characters in its name")
    if len(name.encode("utf-8", "replace")) > _MAX_NAME_BYTES:
        raise _refused(info, f"has a name of more than {_MAX_NAME_BYTES} bytes")
    absolute = parts[0] == "" or parts[0][1:2] == ":"
    if absolute or any(part in ("", ".", "..") for part in parts) or "\\" in name:
        raise _refused(info, "has a name that leads out of the archive")


def _check_overlap(infos: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse entries that share bytes: they could unpack to enormous sizes (Fifield, 2019)."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for info, following in itertools.pairwise(ordered):
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > following.header_offset:
            raise _refused(following, "shares its bytes with another entry")


def _check_head(entry: Entry, head: bytes) -> None:
    if head.startswith((*SIGNATURES, *_OTHERS)) or entry.name.lower().endswith(
        (".zip", ".7z", ".rar", ".tar")
    ):
        raise UnsupportedMedia(
            f"{_shown(entry.name)} is an archive in the archive; send its files themselves",
            field="upload",
        )


def _is_of_the_system(name: str) -> bool:
    """Whether macOS or Windows added the file to the archive by itself."""
    first, last = name.partition("/")[0], name.rpartition("/")[2]
    return first == "__MACOSX" or last in (".DS_Store", "Thumbs.db", "desktop.ini")


def _refused(info: zipfile.ZipInfo, why: str) -> InvalidInput:
    return InvalidInput(f"{_shown(info.filename)} {why}", field="upload")


def _shown(name: str) -> str:
    """A name for messages: short, on one line, without control characters."""
    return ascii(name if len(name) <= 80 else f"{name[:77]}...")


class _Careful(FileIO):
    """A file that reads at most ``largest`` bytes at once, since a directory may have any size.

    ``read`` raises TooLarge if more is requested.
    """

    def __init__(self, path: Path, largest: int) -> None:
        super().__init__(path)
        self._largest = max(largest, CHUNK_BYTES)

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = size if size is not None and size >= 0 else self._left()
        if wanted > self._largest:
            raise TooLarge(
                f"has a directory of {wanted} bytes; at most {self._largest} are read",
                field="upload",
            )
        return super().read(wanted) or b""

    def _left(self) -> int:
        here = self.tell()
        end = self.seek(0, 2)
        self.seek(here)
        return max(0, end - here)
