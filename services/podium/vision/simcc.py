"""Key points as two classifications, one along each axis.

Source: Li et al., "SimCC: a Simple Coordinate Classification Perspective for Human Pose
Estimation", 2022, as RTMPose uses it (Jiang et al., 2023).
"""

from __future__ import annotations

import numpy as np

from podium.types import Float32


def decode_simcc(along_x: Float32, along_y: Float32, width: int, height: int) -> Float32:
    """The most likely place of each key point.

    Args:
        along_x: (M, J, W * ratio) value of each bin, left to right.
        along_y: (M, J, H * ratio) value of each bin, top to bottom.
        width: W, width of the crop in pixels.
        height: H, height of the crop in pixels.

    Returns:
        (M, J, 3) x, y in crop pixels, and as score the lower of the two values; a key point
        without a positive score is at (0, 0).
    """
    x, y = along_x.argmax(axis=2), along_y.argmax(axis=2)  # (M, J)
    score = np.minimum(along_x.max(axis=2), along_y.max(axis=2))
    keypoints = np.stack(
        [x * (width / along_x.shape[2]), y * (height / along_y.shape[2]), score], axis=2
    )
    keypoints[score <= 0, :2] = 0
    return keypoints.astype(np.float32)
