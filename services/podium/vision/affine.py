"""Crops of rotated regions, and the 2x3 transforms that lead back to the frame.

A region of interest (ROI) is ``cx, cy, w, h, rotation``: centre and size in frame pixels, rotation
in radians, clockwise on screen. A crop is cut corner to corner: its pixel (0, 0) lies on the
corner of the ROI, with ``frame = centre + R (crop / crop_size - 1/2) * roi_size`` and
``R = [[cos, -sin], [sin, cos]]``. MediaPipe cuts the inputs of BlazePose in this way, with
``warpPerspective``; ``warpAffine`` would round differently on one pixel in a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from podium.errors import InvalidInput
from podium.types import Border, Crops, CropSpec, Float32
from podium.vision.sampling import rgb_under, warp
from podium.yuv import Picture

MAX_ROI_PX = 1 << 16
"""Larger centres and sizes are errors; OpenCV's fixed-point warp does not cover them."""

_BORDERS: dict[Border, int] = {
    "constant": cv2.BORDER_CONSTANT,
    "replicate": cv2.BORDER_REPLICATE,
}


def crop(frames: Sequence[Picture], rois: Float32, spec: CropSpec, *, fill: int = 0) -> Crops:
    """Cut one region out of each frame, with bilinear interpolation.

    Args:
        frames: M frames; repeat a frame to cut it more than once.
        rois: (M, 5) cx, cy, w, h in frame pixels, rotation in radians.
        spec: Size of the crops, and their pixels beyond the edge of the frame.
        fill: Grey level of the ``constant`` border, 0-255.

    Raises:
        InvalidInput: a row of ``rois`` is not finite, has no area or exceeds ``MAX_ROI_PX``.
    """
    check_rois(rois)
    transforms = roi_transforms(rois, spec.height, spec.width)
    images = np.empty((len(rois), spec.height, spec.width, 3), np.uint8)
    rows_of: dict[int, list[int]] = {}  # a frame's lines are converted once for all its regions
    for row, frame in enumerate(frames):
        rows_of.setdefault(id(frame), []).append(row)
    for rows in rows_of.values():
        picture = rgb_under(frames[rows[0]], transforms[rows], (spec.width, spec.height))
        for row in rows:
            warp(picture, transforms[row], images[row], border=_BORDERS[spec.border], fill=fill)
    return Crops(images, transforms.astype(np.float32))


def check_rois(rois: Float32) -> None:
    """Raise InvalidInput, naming the first row of ``rois`` (M, 5) that cannot be cut."""
    valid = np.isfinite(rois).all(axis=1)
    valid &= (rois[:, 2:4] > 0).all(axis=1) & (np.abs(rois[:, :4]) <= MAX_ROI_PX).all(axis=1)
    if not valid.all():
        row = int(np.argmin(valid))
        raise InvalidInput(
            f"row {row} is {rois[row].tolist()}; cx, cy, w, h and rotation must be finite, "
            f"w and h positive and all within {MAX_ROI_PX} px",
            field="rois",
        )


def roi_transforms(rois: Float32, height: int, width: int) -> NDArray[np.float64]:
    """Transforms (M, 2, 3) from crop pixels to frame pixels for ``rois`` (M, 5)."""
    x, y, w, h, rotation = rois.T.astype(np.float64)
    cos, sin = np.cos(rotation), np.sin(rotation)
    transforms = np.empty((len(rois), 2, 3))
    transforms[:, 0, 0], transforms[:, 0, 1] = cos * (w / width), -sin * (h / height)
    transforms[:, 1, 0], transforms[:, 1, 1] = sin * (w / width), cos * (h / height)
    transforms[:, 0, 2] = x - (cos * (w / 2) - sin * (h / 2))
    transforms[:, 1, 2] = y - (sin * (w / 2) + cos * (h / 2))
    return transforms
