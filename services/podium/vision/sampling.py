"""Cuts pixels out of pictures in RGB or 4:2:0; the result is RGB."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from podium.types import Float64, UInt8
from podium.vision.video_frames import rgb_of
from podium.yuv import Picture, Yuv

_STEP = 4
"""Lines are converted in groups of so many: two of them share their chroma, and frames of four are
made without a copy."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive lines of a picture in RGB."""

    pixels: UInt8  # (N, W, 3), perhaps with gaps between lines
    first: int


def lines_under(picture: Picture, transforms: Float64, size: tuple[int, int]) -> Lines:
    """The lines of a picture that images are cut out of.

    Args:
        picture: The picture.
        transforms: (M, 2, 3) from pixels of an image to pixels of the picture.
        size: Width and height of the images.
    """
    if not isinstance(picture, Yuv):
        return Lines(picture, 0)
    height, (right, below) = len(picture.luma), size
    corners = np.array([[0, 0, 1], [right, 0, 1], [0, below, 1], [right, below, 1]])
    y = transforms[:, 1] @ corners.T
    first = min(max(0, int(y.min() - 1) // _STEP * _STEP), (height - 1) // _STEP * _STEP)
    end = max(int(y.max() + 2) // _STEP * _STEP, first) + _STEP
    return Lines(rgb_of(picture.lines(slice(first, min(end, height)))), first)


def warp(lines: Lines, transform: Float64, image: UInt8, *, border: int, fill: int) -> None:
    """Fill an image with what a transform cuts out of a picture, with bilinear interpolation.

    Args:
        lines: The lines of the picture that ``lines_under`` returns.
        transform: (2, 3) from pixels of the image to pixels of the picture.
        image: (H, W, 3) RGB, written to.
        border: OpenCV's border mode beyond the edges of the picture.
        fill: Grey level of a constant border, 0-255.
    """
    whole: NDArray[np.float64] = np.vstack([transform, [0, 0, 1]])
    whole[1, 2] -= lines.first
    cv2.warpPerspective(
        lines.pixels,
        whole,
        (image.shape[1], image.shape[0]),
        dst=image,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
        borderValue=(fill, fill, fill),
    )


def resized(picture: Picture, size: tuple[int, int]) -> UInt8:
    """A picture resized to ``size`` (width, height), with bilinear interpolation."""
    image = cv2.resize(rgb_of(picture), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(image, np.uint8)
