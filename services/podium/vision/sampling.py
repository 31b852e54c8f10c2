"""Cuts pixels out of pictures in RGB or 4:2:0; the result is RGB."""

from __future__ import annotations

import cv2
import numpy as np

from podium.types import Float64, UInt8
from podium.vision.video_frames import rgb_of
from podium.yuv import Picture, Yuv

_STEP = 4
"""Lines are converted in groups of so many: two of them share their chroma, and frames of four are
made without a copy."""


def rgb_under(picture: Picture, transforms: Float64, size: tuple[int, int]) -> UInt8:
    """The picture (H, W, 3) in RGB; at least the lines that images are cut out of.

    The others are undefined. They are not left out: with the numbers of its lines, a transform
    would round differently now and then.

    Args:
        picture: The picture.
        transforms: (M, 2, 3) from pixels of an image to pixels of the picture.
        size: Width and height of the images.
    """
    if not isinstance(picture, Yuv):
        return picture
    height, (right, below) = len(picture.luma), size
    corners = np.array([[0, 0, 1], [right, 0, 1], [0, below, 1], [right, below, 1]])
    y = transforms[:, 1] @ corners.T
    first = min(max(0, int(y.min() - 1) // _STEP * _STEP), (height - 1) // _STEP * _STEP)
    end = min(max(int(y.max() + 2) // _STEP * _STEP, first) + _STEP, height)
    if 2 * (end - first) > height:  # copying them to their place would take longer than the others
        return rgb_of(picture)
    whole = np.empty(picture.shape, np.uint8)
    whole[first:end] = rgb_of(picture.lines(slice(first, end)))
    return whole


def warp(picture: UInt8, transform: Float64, image: UInt8, *, border: int, fill: int) -> None:
    """Fill an image with what a transform cuts out of a picture, with bilinear interpolation.

    Args:
        picture: (H, W, 3) RGB, as of ``rgb_under``.
        transform: (2, 3) from pixels of the image to pixels of the picture.
        image: (H, W, 3) RGB, written to.
        border: OpenCV's border mode beyond the edges of the picture.
        fill: Grey level of a constant border, 0-255.
    """
    cv2.warpPerspective(
        picture,
        np.vstack([transform, [0, 0, 1]]),
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
