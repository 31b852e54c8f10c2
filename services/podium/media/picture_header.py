"""JPEG, PNG and WebP pictures, known and measured by their headers."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from podium.errors import Unprocessable

_JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"


def is_picture(head: bytes) -> bool:
    """Whether media that starts with ``head`` (at least 12 bytes) is a picture."""
    return head.startswith((_JPEG, PNG)) or is_webp(head)


def is_webp(head: bytes) -> bool:
    """Whether media that starts with ``head`` is a WebP picture."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the chunks of a WebP picture (RFC 9649, 2.3)."""
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def picture_size(data: bytes, *, field: str = "media") -> tuple[int, int]:
    """Width and height as stored, before EXIF turns them.

    Args:
        data: The picture, at least up to the end of its header.
        field: What errors call the picture.

    Raises:
        Unprocessable: the header is damaged or cut off.
    """
    try:
        width, height = _size(data)
    except (struct.error, IndexError):
        width = height = 0
    if not width or not height:
        raise Unprocessable("is a picture without a readable header", field=field)
    return width, height


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the header; struct.error or IndexError where it is cut off."""
    if data.startswith(PNG):
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if data.startswith(_JPEG):
        return _jpeg_size(data)
    return _webp_size(data)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """From the frame header SOF0-SOF15 (ITU-T T.81, B.2.2).

    Decoders look for the next marker in bytes that are none: they would find another header.
    """
    at = 2
    while data[at] == 0xFF:
        while data[at] == 0xFF:
            at += 1
        marker, at = data[at], at + 1
        if marker == 0x00:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
        if not 0xD0 <= marker <= 0xD9 and marker != 0x01:  # those have no length
            at += max(2, struct.unpack_from(">H", data, at)[0])
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    """From the first chunk (RFC 9649): VP8X canvas, VP8L or VP8 frame header."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", data, 24)
        return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
