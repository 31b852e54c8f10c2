"""Decodes JPEG, PNG, WebP and GIF pictures and rotates them upright."""

from __future__ import annotations

from contextlib import suppress

import cv2
import numpy as np

from podium.errors import Unprocessable
from podium.media.gif import first_picture, is_animated
from podium.media.picture_header import (
    GIFS,
    MOST_CHUNKS,
    PNG,
    check_scans,
    is_webp,
    picture_size,
    webp_chunks,
)
from podium.types import UInt8

_ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4
_ANIMATED = "the picture is animated: its first frame was taken"


def read_picture(data: bytes, *, field: str = "media") -> UInt8:
    """The pixels (H, W, 3), RGB, rotated and mirrored by EXIF data.

    Raises:
        Unprocessable: the picture is damaged or truncated.
        TooLarge: a JPEG with too many scans.
    """
    size = picture_size(data, field=field)
    if data.startswith(GIFS):
        return first_picture(data, field=field)
    check_scans(data, field=field)
    if control := _animation_control(data):  # else OpenCV reads the first frame of the animation
        data = data[: control.start] + data[control.stop :]
    image = None
    with suppress(cv2.error):  # includes OpenCV's own limit of the size
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None or sorted(image.shape[:2]) != sorted(size):  # sorted: EXIF may rotate it
        raise Unprocessable("is a picture that is damaged or cut off", field=field)
    pixels = image.astype(np.uint8, copy=False)
    # OpenCV rotates JPEG and PNG upright, but not WebP.
    return _upright(pixels, _webp_orientation(data)) if is_webp(data) else pixels


def picture_notes(data: bytes) -> tuple[str, ...]:
    """Assumptions about a picture, as sentences for people."""
    if data.startswith(GIFS):
        animated = is_animated(data)
    elif is_webp(data):
        animated = any(name == b"ANIM" for name, _ in webp_chunks(data))
    else:
        animated = bool(_animation_control(data))
    return (_ANIMATED,) if animated else ()


def _upright(image: UInt8, orientation: int) -> UInt8:
    """Apply an EXIF orientation: 5 to 8 are transposed, then mirrored like 1 to 4."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    flip_x, flip_y = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def _webp_orientation(data: bytes) -> int:
    for name, content in webp_chunks(data):
        if name == b"EXIF":
            return _exif_orientation(content.removeprefix(b"Exif\0\0"))
    return 1


def _exif_orientation(tiff: bytes) -> int:
    """The orientation in the first directory of EXIF data (TIFF 6.0, section 2); 1: upright."""
    order = "big" if tiff.startswith(b"MM") else "little"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)  # type: ignore[arg-type]

    at = number(4, 4)
    for entry in range(at + 2, min(at + 2 + 12 * number(at, 2), len(tiff) - 11), 12):
        if number(entry, 2) == _ORIENTATION:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def _animation_control(data: bytes) -> slice | None:
    """The animation control chunk of a PNG (PNG, 11.3.6.1), before the first pixels."""
    at = len(PNG)
    for _ in range(MOST_CHUNKS if data.startswith(PNG) else 0):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        match data[at + 4 : at + 8]:
            case b"acTL":
                return slice(at, end)
            case b"IDAT" | b"":
                return None
        at = end
    return None
