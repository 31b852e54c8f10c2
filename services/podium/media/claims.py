"""Checks the number of samples that an MP4 declares against its size, before FFmpeg opens it.

FFmpeg makes an index of all declared samples, 24 bytes each, and has no limit for it: a file of
1,720 bytes that declares 60 million samples would take gigabytes.
"""

from __future__ import annotations

import re
import struct

from podium.errors import TooLarge, Unprocessable
from podium.media.boxes import header_boxes
from podium.media.files import Data, size_bytes

MOST_SAMPLES = 4_000_000
"""Limit of all tracks together: two hours of video at 240/s with sound have two million."""

_MOST_EDITED = 4 * MOST_SAMPLES
"""Limit of samples times edit list entries: each entry may list all samples again."""

_MOST_TABLES = 200_000
"""Limit of sample tables; a fragment has one for each track."""

_NEAR_BYTES = 1 << 16
"""The tables of uncompressed sound are short, so they are at most this far apart."""

_COUNTED = re.compile(rb"stsz|stz2|trun|elst|cmov")


def check_samples(data: Data, *, field: str) -> None:
    """Compare the number of samples that an MP4 declares with its size.

    Boxes that declare samples are searched by name in any place: FFmpeg also reads them where the
    standard (ISO/IEC 14496-12) does not allow them.

    Args:
        data: The file.
        field: Name of the file in errors.

    Raises:
        Unprocessable: more samples than bytes, or a compressed index.
        TooLarge: too many samples, or a too long header.
    """
    size = size_bytes(data)
    declared, edits, tables = 0, 1, 0
    for header in header_boxes(data, field=field):
        for found in _COUNTED.finditer(header):
            tables += 1
            if tables > _MOST_TABLES:
                raise TooLarge(f"has more than {_MOST_TABLES} tables of samples", field=field)
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


def _samples(header: bytes, at: int, name: bytes) -> int:
    """Number of samples that the box at ``at`` declares and FFmpeg would list one by one."""
    if name == b"trun":
        return _count(header, at, 8)
    count = _count(header, at, 12)
    is_constant = name == b"stsz" and any(header[at + 8 : at + 12])
    return 0 if count and is_constant and _is_plain_sound(header, at) else count


def _count(header: bytes, at: int, offset: int) -> int:
    """The number ``offset`` bytes after the name of a full box; 0: it is not a box."""
    length = int.from_bytes(header[max(0, at - 4) : at], "big")
    is_box = offset + 8 <= length <= len(header) - at + 4 and header[at + 4] <= 1
    return int.from_bytes(header[at + offset : at + offset + 4], "big") if is_box else 0


def _is_plain_sound(header: bytes, at: int) -> bool:
    """Whether a table belongs to uncompressed sound, which FFmpeg lists by chunks.

    That is a sound track in which each sample lasts one unit of time (one entry of ``stts``).
    """
    start = header.rfind(b"trak", max(0, at - _NEAR_BYTES), at)
    if start < 0:
        return False
    end = header.find(b"trak", at, at + _NEAR_BYTES)
    track = header[start : end if end >= 0 else at + _NEAR_BYTES]
    handler, times = track.find(b"hdlr"), track.find(b"stts")
    if handler < 0 or times < 0 or track.count(b"hdlr") > 2 or track.count(b"stts") > 1:
        return False
    if len(track) < times + 20:
        return False
    entries, _, duration = struct.unpack_from(">III", track, times + 8)
    return track[handler + 12 : handler + 16] == b"soun" and (entries, duration) == (1, 1)
