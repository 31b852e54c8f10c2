"""Volumetric heat maps to coordinates.

Source: Sun et al., "Integral Human Pose Regression", 2018, as PoseNet of 3DMPPE uses it.
"""

from __future__ import annotations

import numpy as np

from podium.types import Float32


def soft_argmax_3d(logits: Float32) -> Float32:
    """The expected cell of each joint under one softmax over its whole volume.

    Args:
        logits: (M, J, D, H, W) depth, rows, columns.

    Returns:
        (M, J, 3) x, y, z in cells, 0 to side - 1.
    """
    volume = logits - logits.max(axis=(2, 3, 4), keepdims=True)
    np.exp(volume, out=volume)
    total = volume.sum(axis=(2, 3, 4), dtype=np.float64)  # (M, J)
    expected = []
    for axis, others in ((4, (2, 3)), (3, (2, 4)), (2, (3, 4))):
        weights = volume.sum(axis=others, dtype=np.float64)  # (M, J, cells)
        expected.append(weights @ np.arange(logits.shape[axis]) / total)
    return np.stack(expected, axis=2).astype(np.float32)
