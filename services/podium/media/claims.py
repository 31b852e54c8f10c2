"""What an MP4 claims to hold, checked against its size before FFmpeg believes it.

FFmpeg makes an index of all samples that the header declares, 24 bytes each, before it can be told
any limit: a file of 1,720 bytes that declares 60 million samples takes gigabytes.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from podium.errors import TooLarge, Unprocessable

MOST_SAMPLES = 4_000_000
"""Of all tracks together: two hours of video at 240/s and of sound are two million."""

_MOST_HEADER_BYTES = 256 << 20
_PIXELS_AND_GAPS = frozenset({b"mdat", b"free", b"skip", b"wide"})
_MOST_EDITED = 4 * MOST_SAMPLES
"""Samples times entries of edit lists: each entry may list all samples again."""

_COUNTED = re.compile(rb"stsz|stz2|trun|elst|cmov")


def check_samples(data: bytes | Path, *, field: str) -> None:
    """Compare the samples that an MP4 declares with its size.

    The boxes that declare some are looked for by their names, wherever they lie: FFmpeg finds them
    in places where the standard (ISO/IEC 14496-12) has none.

    Args:
        data: The file.
        field: What errors call it.

    Raises:
        Unprocessable: more samples than bytes, or a compressed index.
        TooLarge: more samples, or a longer header, than are read.
    """
    if isinstance(data, bytes):
        size, file = len(data), io.BytesIO(data)
        _check(file, size, field)
        return
    with data.open("rb") as opened:
        _check(opened, data.stat().st_size, field)


def _check(file: BinaryIO, size: int, field: str) -> None:
    declared, edits = 0, 1
    for header in _headers(file, size, field):
        for found in _COUNTED.finditer(header):
            if found[0] == b"cmov":
                raise Unprocessable("has a compressed index, which is not read", field=field)
            if found[0] == b"elst":
                edits += _count(header, found.start(), 8)
            else:
                declared += _samples(header, found.start(), found[0])
    if declared > size:
        raise Unprocessable(
            f"declares {declared} samples, but has {size} bytes: no sample is that small",
            field=field,
        )
    if declared > MOST_SAMPLES:
        raise TooLarge(f"declares {declared} samples; at most {MOST_SAMPLES} are read", field=field)
    if declared * edits > _MOST_EDITED:
        raise TooLarge(
            f"has {edits - 1} edits of {declared} samples; the product may be {_MOST_EDITED}",
            field=field,
        )


def _headers(file: BinaryIO, size: int, field: str) -> Iterator[bytes]:
    """The contents of the boxes of a file, of all but those that hold pixels and sound."""
    at = total = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:
            length = size - at
        if length < 8:
            return
        if name not in _PIXELS_AND_GAPS:
            total += min(length, size - at)
            if total > _MOST_HEADER_BYTES:
                raise TooLarge(f"has a header of more than {_MOST_HEADER_BYTES} bytes", field=field)
            file.seek(at)
            yield file.read(min(length, size - at))
        at += length


def _samples(header: bytes, at: int, name: bytes) -> int:
    """How many samples the box whose name is at ``at`` declares and FFmpeg lists one by one."""
    if name == b"trun":
        return _count(header, at, 8)
    is_constant = name == b"stsz" and any(header[at + 8 : at + 12])
    return 0 if is_constant and _is_plain_sound(header, at) else _count(header, at, 12)


def _count(header: bytes, at: int, offset: int) -> int:
    """The number that a full box has ``offset`` bytes after its name; 0: it is no box."""
    length = int.from_bytes(header[max(0, at - 4) : at], "big")
    is_box = offset + 8 <= length <= len(header) - at + 4 and header[at + 4] <= 1
    return int.from_bytes(header[at + offset : at + offset + 4], "big") if is_box else 0


def _is_plain_sound(header: bytes, at: int) -> bool:
    """Whether a table belongs to uncompressed sound, which FFmpeg lists by chunks.

    That is a sound track in which each sample lasts one unit of time (one entry of ``stts``).
    """
    start = max(header.rfind(b"trak", 0, at), 0)
    end = header.find(b"trak", at)
    track = header[start : end if end >= 0 else len(header)]
    handler, times = track.find(b"hdlr"), track.find(b"stts")
    if handler < 0 or times < 0 or track.count(b"hdlr") > 2 or track.count(b"stts") > 1:
        return False
    if len(track) < times + 20:
        return False
    entries, _, duration = struct.unpack_from(">III", track, times + 8)
    return track[handler + 12 : handler + 16] == b"soun" and (entries, duration) == (1, 1)
