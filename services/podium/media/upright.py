"""Decoded frames as pictures, the way players show them."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

from podium.types import UInt8


def to_rgb(frame: VideoFrame) -> UInt8:
    """The pixels (H, W, 3), turned and mirrored as the display matrix says.

    The matrix (ISO/IEC 14496-12, 8.2.2) maps stored x, y to shown ``a x + c y``, ``b x + d y``.
    """
    image: UInt8 = frame.to_ndarray(format="rgb24", threads=1).astype(np.uint8, copy=False)
    # Not ``frame.side_data``: that and the frame would keep each other, and megabytes would stay
    # until the garbage collector passes.
    side_data: Any = SideDataContainer(frame)  # type: ignore[call-arg] # PyAV's stub lacks it
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) > abs(a):
        image, flip_x, flip_y = image.transpose(1, 0, 2), c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])
