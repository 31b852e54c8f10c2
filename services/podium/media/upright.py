"""Turns decoded frames into pictures as players show them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from podium.types import UInt8
from podium.yuv import Colours, Yuv, matrix_of

YUV_FORMATS = ("yuv420p", "yuvj420p")
"""FFmpeg's names of 4:2:0 with 8 bits, limited and full range."""

_BT709 = 1


def to_rgb(frame: VideoFrame, size: tuple[int, int], pixel_aspect: Fraction) -> UInt8:
    """The pixels (H, W, 3) of a frame, in square pixels, rotated and mirrored.

    Args:
        frame: The decoded frame.
        size: Width and height of the video before rotation. If the size changes within the video,
            a frame of another size is fitted into it, with black borders.
        pixel_aspect: Width of a pixel / its height.
    """
    image = _in_square_pixels(frame, size, pixel_aspect)
    return np.ascontiguousarray(_upright(image, _display_matrix(frame)))


def to_yuv(frame: VideoFrame, size: tuple[int, int]) -> Yuv:
    """As ``to_rgb``, but as the frame is stored; for videos that are ``VideoIndex.is_420``."""
    matrix = _display_matrix(frame)
    if frame.format.name not in YUV_FORMATS or (frame.width, frame.height) != size:
        # The video changes: as a picture of its size, and then back.
        rgb = VideoFrame.from_ndarray(_in_square_pixels(frame, size, Fraction(1)), format="rgb24")
        frame = rgb.reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        colours = Colours(matrix=_BT709)
    else:
        colours = Colours(
            matrix=matrix_of(int(frame.colorspace)),
            primaries=int(frame.color_primaries),
            transfer=int(frame.color_trc),
            is_full_range=frame.format.name == "yuvj420p" or frame.color_range == ColorRange.JPEG,
        )
    luma, *chroma = (_upright(_plane(frame, number), matrix) for number in range(3))
    yuv = Yuv(np.empty((len(luma) // 2 * 3, luma.shape[1]), np.uint8), colours)
    yuv.luma[...] = luma
    for own, plane in zip(yuv.chroma, chroma, strict=True):
        own[...] = plane
    return yuv


def _plane(frame: VideoFrame, number: int) -> UInt8:
    plane = frame.planes[number]
    lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
    return np.asarray(lines[:, : plane.width])


def _display_matrix(frame: VideoFrame) -> list[int] | None:
    """The display matrix (ISO/IEC 14496-12, 8.2.2) as a, b, c, d; None: shown as stored.

    It maps stored x, y to shown ``a x + c y``, ``b x + d y``.
    """
    # Not ``frame.side_data``: its reference cycle would keep megabytes until the garbage
    # collector runs.
    side_data: Any = SideDataContainer(frame)  # type: ignore[call-arg] # PyAV's stub lacks it
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    return [a, b, c, d]


def _upright(image: UInt8, matrix: list[int] | None) -> UInt8:
    if matrix is None:
        return image
    a, b, c, d = matrix
    if abs(b) > abs(a):
        image, flip_x, flip_y = image.swapaxes(0, 1), c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    return image[:: -1 if flip_y else 1, :: -1 if flip_x else 1]


def _in_square_pixels(frame: VideoFrame, size: tuple[int, int], pixel_aspect: Fraction) -> UInt8:
    frame.colorspace = matrix_of(int(frame.colorspace))
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
