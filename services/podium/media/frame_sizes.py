"""Limits of the size of frames."""

from __future__ import annotations

from podium.errors import TooLarge, Unprocessable

LONGEST_SIDE_PX = 32_766
"""OpenCV's warps use 16-bit pixel coordinates."""


def check_size(width: int, height: int, max_pixels: int, *, field: str) -> None:
    """Check the size in a header before memory is allocated for it.

    Raises:
        Unprocessable: the size is missing.
        TooLarge: more pixels than ``max_pixels``, or a too long side.
    """
    if width <= 0 or height <= 0:
        raise Unprocessable("does not say how large its frames are, or has none", field=field)
    if width * height > max_pixels:
        raise TooLarge(
            f"is {width}x{height}; at most {max_pixels} pixels per frame are allowed", field=field
        )
    if max(width, height) > LONGEST_SIDE_PX:
        raise TooLarge(
            f"is {width}x{height}; a side has at most {LONGEST_SIDE_PX} pixels", field=field
        )
