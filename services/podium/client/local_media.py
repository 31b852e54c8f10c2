"""Checks a local video or picture before services are started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from podium.errors import Unprocessable
from podium.media.containers import HEAD_BYTES, Source
from podium.media.picture_header import is_picture, picture_size

_MAX_PIXELS = 1 << 28
_PICTURE_HEADER_BYTES = 4 << 20


def check_media(path: Path) -> str | None:
    """Read the header of a file.

    Returns:
        A warning about a file that can still be processed, or None.

    Raises:
        UnsupportedMedia: it is not media that Podium reads.
        Unprocessable: it is empty, damaged or cut off, or has no video.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if is_picture(head):
            picture_size(head + file.read(_PICTURE_HEADER_BYTES), field=str(path))
            return None
    if not head:
        raise Unprocessable("is empty", field=str(path))
    cut_off = _cut_off(path, head)
    try:
        with Source(path, head, field=str(path)).open_video(_MAX_PIXELS):
            return cut_off
    except Unprocessable:
        if cut_off is None:
            raise
        raise Unprocessable(cut_off, field=str(path)) from None


def _cut_off(path: Path, head: bytes) -> str | None:
    """That a file is shorter than it says itself, or None."""
    there, declared = path.stat().st_size, max(_ends(path, head), default=0)
    if there >= declared:
        return None
    return f"is cut off: it has {there} bytes of at least {declared}; copy or download it again"


def _ends(path: Path, head: bytes) -> Iterator[int]:
    """Where the parts of an MP4, MOV or AVI file end, as they say themselves."""
    if head[:4] == b"RIFF":
        yield 8 + int.from_bytes(head[4:8], "little")
        return
    if not head[4:8].isalpha():
        return
    with path.open("rb") as file:
        end = 0
        while len(box := file.read(16)) >= 8:
            length = int.from_bytes(box[:4])
            if length == 1:
                length = int.from_bytes(box[8:16])
            if length < 8:  # to the end of the file, or no box at all
                return
            end += length
            yield end
            file.seek(end)
