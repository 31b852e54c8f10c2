"""Letterboxing: resizes a frame to fit into a detector's square and fills the rest."""

from __future__ import annotations

import numpy as np

from podium.types import CropSpec, Float32, Letterbox, UInt8
from podium.vision.affine import crop
from podium.vision.sampling import resized
from podium.yuv import Picture


def letterbox(frame: Picture, spec: Letterbox) -> tuple[UInt8, Float32]:
    """Letterbox one frame.

    ``center`` works like MediaPipe for BlazePose: the frame in the middle, corner to corner.
    ``top_left`` works like YOLOX: pixel centres lie at half pixels.

    Args:
        frame: The frame.
        spec: Size, anchor and fill.

    Returns:
        The image (S, S, 3) and the transform (2, 3) from its pixels to frame pixels.
    """
    height, width = frame.shape[:2]
    if spec.anchor == "center":
        side = max(height, width)
        roi = np.array([[width / 2, height / 2, side, side, 0]], np.float32)
        square = crop([frame], roi, CropSpec(spec.size, spec.size), fill=spec.fill)
        return square.images[0], square.transforms[0]
    ratio = min(spec.size / height, spec.size / width)
    new_width, new_height = max(1, int(width * ratio)), max(1, int(height * ratio))
    image = np.full((spec.size, spec.size, 3), spec.fill, np.uint8)
    image[:new_height, :new_width] = resized(frame, (new_width, new_height))
    scale_x, scale_y = width / new_width, height / new_height
    transform = [[scale_x, 0, scale_x / 2 - 0.5], [0, scale_y, scale_y / 2 - 0.5]]
    return image, np.array(transform, np.float32)
