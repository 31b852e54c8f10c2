"""Turns decoded frames into pictures as players show them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation

from podium.types import UInt8


def to_rgb(frame: VideoFrame, size: tuple[int, int], pixel_aspect: Fraction) -> UInt8:
    """The pixels (H, W, 3) of a frame, in square pixels, rotated and mirrored.

    The display matrix (ISO/IEC 14496-12, 8.2.2) maps stored x, y to shown ``a x + c y``,
    ``b x + d y``.

    Args:
        frame: The decoded frame.
        size: Width and height of the video before rotation. If the size changes within the video,
            a frame of another size is fitted into it, with black borders.
        pixel_aspect: Width of a pixel / its height.
    """
    # Not ``frame.side_data``: its reference cycle would keep megabytes until the garbage
    # collector runs.
    side_data: Any = SideDataContainer(frame)  # type: ignore[call-arg] # PyAV's stub lacks it
    matrix = side_data.get("DISPLAYMATRIX")
    image = _in_square_pixels(frame, size, pixel_aspect)
    if matrix is None:
        return image
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) > abs(a):
        image, flip_x, flip_y = image.transpose(1, 0, 2), c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def _in_square_pixels(frame: VideoFrame, size: tuple[int, int], pixel_aspect: Fraction) -> UInt8:
    if (frame.width, frame.height) == size:
        return frame.to_ndarray(format="rgb24", threads=1).astype(np.uint8, copy=False)
    (width, height), own_width = size, float(frame.width * pixel_aspect)
    scale = min(width / own_width, height / frame.height)
    fitted = max(1, round(own_width * scale)), max(1, round(frame.height * scale))
    image: UInt8 = frame.to_ndarray(
        format="rgb24",
        width=fitted[0],
        height=fitted[1],
        interpolation=Interpolation.BICUBIC,
        threads=1,
    ).astype(np.uint8, copy=False)
    if fitted == size:
        return image
    whole = np.zeros((height, width, 3), np.uint8)
    left, top = (width - fitted[0]) // 2, (height - fitted[1]) // 2
    whole[top : top + fitted[1], left : left + fitted[0]] = image
    return whole
