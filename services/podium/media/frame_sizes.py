"""How large a frame may be."""

from __future__ import annotations

from podium.errors import TooLarge, Unprocessable

LONGEST_SIDE_PX = 32_766
"""OpenCV's warps count pixels of a side in 16 bits."""


def check_size(width: int, height: int, max_pixels: int, *, field: str) -> None:
    """Check what a header says of the size, before memory is taken for it.

    Raises:
        Unprocessable: it says nothing.
        TooLarge: more pixels than ``max_pixels``, or a side that is too long.
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
