"""Cuts pixels out of pictures in RGB or 4:2:0; the result is RGB."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from podium.types import UInt8
from podium.yuv import Colours, Picture, Yuv


def warp(
    picture: Picture, transform: NDArray[np.float64], image: UInt8, *, border: int, fill: int
) -> None:
    """Fill an image with what a transform cuts out of a picture, with bilinear interpolation.

    Args:
        picture: The picture.
        transform: (2, 3) from pixels of the image to pixels of the picture.
        image: (H, W, 3) RGB, written to.
        border: OpenCV's border mode beyond the edges of the picture.
        fill: Grey level of a constant border, 0-255.
    """
    whole = np.vstack([transform, [0, 0, 1]])
    if not isinstance(picture, Yuv):
        _warp(picture, whole, image, border, (fill, fill, fill))
        return
    height, width = image.shape[:2]
    grey, *neutral = picture.colours.of_rgb((fill, fill, fill))
    luma = np.empty((height, width), np.uint8)
    _warp(picture.luma, whole, luma, border, (grey,))
    # Chroma at half the size of the image: not coarser than stored where the image enlarges, and
    # interpolating two channels of all pixels would take longer than all else.
    chroma = np.empty(((height + 1) // 2, (width + 1) // 2, 2), np.uint8)
    to_image = _between_centres(width / chroma.shape[1], height / chroma.shape[0])
    to_chroma = np.linalg.inv(_between_centres(2, 2))
    _warp(picture.chroma, to_chroma @ whole @ to_image, chroma, border, neutral)
    _to_rgb(luma, chroma, picture.colours, image)


def resized(picture: Picture, size: tuple[int, int]) -> UInt8:
    """A picture resized to ``size`` (width, height), with bilinear interpolation."""
    if not isinstance(picture, Yuv):
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    image = np.empty((size[1], size[0], 3), np.uint8)
    luma = cv2.resize(picture.luma, size, interpolation=cv2.INTER_LINEAR)
    _to_rgb(np.asarray(luma, np.uint8), picture.chroma, picture.colours, image)
    return image


def rgb_of(picture: Picture) -> UInt8:
    """The whole picture (H, W, 3) in RGB."""
    if not isinstance(picture, Yuv):
        return picture
    image = np.empty(picture.shape, np.uint8)
    _to_rgb(picture.luma, picture.chroma, picture.colours, image)
    return image


def _warp(
    plane: UInt8,
    transform: NDArray[np.float64],
    image: UInt8,
    border: int,
    fill: Sequence[float],
) -> None:
    cv2.warpPerspective(
        plane,
        transform,
        (image.shape[1], image.shape[0]),
        dst=image,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
        borderValue=fill,
    )


def _to_rgb(luma: UInt8, chroma: UInt8, colours: Colours, image: UInt8) -> None:
    height, width = luma.shape
    if chroma.shape[:2] != luma.shape:
        full = cv2.resize(chroma, (width, height), interpolation=cv2.INTER_LINEAR)
        chroma = np.asarray(full, np.uint8)
    cv2.transform(cv2.merge([luma, chroma]), colours.to_rgb(), dst=image)


def _between_centres(scale_x: float, scale_y: float) -> NDArray[np.float64]:
    """From pixels of a coarse image to those of one that is finer by the scales."""
    return np.array([[scale_x, 0, scale_x / 2 - 0.5], [0, scale_y, scale_y / 2 - 0.5], [0, 0, 1.0]])
