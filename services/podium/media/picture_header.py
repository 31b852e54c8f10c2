"""Identifies JPEG, PNG, WebP and GIF pictures and reads their size from the header."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice

from podium.errors import TooLarge, Unprocessable

_JPEG = b"\xff\xd8\xff"
MOST_CHUNKS = 100_000
"""Limit of the parts of a picture; an animation has one for each frame."""

PNG = b"\x89PNG\r\n\x1a\n"
GIFS = (b"GIF87a", b"GIF89a")


def is_picture(head: bytes) -> bool:
    """Whether media that starts with ``head`` (at least 12 bytes) is a picture."""
    return head.startswith((_JPEG, PNG, *GIFS)) or is_webp(head)


def is_webp(head: bytes) -> bool:
    """Whether media that starts with ``head`` is a WebP picture."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the chunks of a WebP picture (RFC 9649, 2.3)."""
    at = 12
    for _ in range(MOST_CHUNKS):
        if at + 8 > len(data):
            return
        (size,) = struct.unpack_from("<I", data, at + 4)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def picture_size(data: bytes, *, field: str = "media") -> tuple[int, int]:
    """Width and height as stored, before EXIF rotation.

    Args:
        data: The picture, at least up to the end of its header.
        field: Name of the picture in errors.

    Raises:
        Unprocessable: the header is damaged or truncated.
    """
    try:
        width, height = _size(data)
    except (struct.error, IndexError):
        width = height = 0
    if not width or not height:
        raise Unprocessable("is a picture without a readable header", field=field)
    return width, height


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the header. Raises struct.error or IndexError if it is truncated."""
    if data.startswith(PNG):
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if data.startswith(_JPEG):
        return _jpeg_size(data)
    if data.startswith(GIFS):
        width, height = struct.unpack_from("<HH", data, 6)
        return width, height
    return _webp_size(data)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """From the frame header SOF0-SOF15 (ITU-T T.81, B.2.2).

    It stops where a marker is missing: decoders search for the next marker there, and could find
    another header.
    """
    at = 2
    for _ in range(MOST_CHUNKS):
        if not (found := _NEXT.match(data, at)):
            break
        (marker,), at = found[1], found.end()
        if marker == 0x00:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
        if not 0xD0 <= marker <= 0xD9 and marker != 0x01:  # those have no length
            at += max(2, struct.unpack_from(">H", data, at)[0])
    return 0, 0


MOST_SCANS = 100
"""Limit of the scans of a progressive JPEG. Encoders write about ten; decoding time grows with
each."""

_SCAN = 0xDA
_SCAN_BYTES = re.compile(rb"\xff\xda")
_NEXT = re.compile(rb"\xff+([^\xff])", re.DOTALL)
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)


def check_scans(data: bytes, *, field: str) -> None:
    """Count the scans of a JPEG, before any of them is decoded (ITU-T T.81, B.1.1).

    Raises:
        TooLarge: more than ``MOST_SCANS`` scans, or more than ``MOST_CHUNKS`` segments.
    """
    # Nearly all pictures: scan markers are at most as many as these bytes.
    at_most = sum(1 for _ in islice(_SCAN_BYTES.finditer(data), MOST_SCANS + 1))
    if not data.startswith(_JPEG) or at_most <= MOST_SCANS:
        return
    at, scans = 2, 0
    for _ in range(MOST_CHUNKS):
        if not (found := _MARKER.search(data, at)):
            return
        (marker,), at = found[1], found.end()
        scans += marker == _SCAN
        if scans > MOST_SCANS:
            raise TooLarge(f"is a JPEG of more than {MOST_SCANS} scans", field=field)
        if marker == 0xD9:  # the end; what follows is another file
            return
        if marker not in (0x01, 0xD8):  # those have no length
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    raise TooLarge(f"is a JPEG of more than {MOST_CHUNKS} segments", field=field)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Size from the first chunk (RFC 9649): VP8X canvas, VP8L or VP8 frame header."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", data, 24)
        return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
