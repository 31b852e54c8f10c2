"""Heat maps of key points to coordinates.

Sources: Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation",
2019 (arg-max and quarter offset, flip test); Zhang et al., "Distribution-Aware Coordinate
Representation for Human Pose Estimation", 2020 (DARK).
"""

from __future__ import annotations

import math

import numpy as np

from podium.types import Bool, Float32, Float64, Int64

_MIN_VALUE = 1e-10
"""Smallest value of a heat map, so that its logarithm exists."""


def decode_quarter(heatmaps: Float32) -> Float32:
    """The highest cell of each heat map, moved a quarter cell towards its higher neighbour.

    Peaks on the first two and the last row and column are not moved. A map that is nowhere above
    0 has its peak at (0, 0).

    Args:
        heatmaps: (M, J, H, W).

    Returns:
        (M, J, 3) x, y in cells of the heat map, and the height of the peak.
    """
    keypoints, x, y = _peaks(heatmaps)
    height, width = heatmaps.shape[2:]
    inner = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    m, j = np.nonzero(inner)
    x, y = x[m, j], y[m, j]
    dx = heatmaps[m, j, y, x + 1] - heatmaps[m, j, y, x - 1]
    dy = heatmaps[m, j, y + 1, x] - heatmaps[m, j, y - 1, x]
    keypoints[m, j, 0] += np.float32(0.25) * np.sign(dx)
    keypoints[m, j, 1] += np.float32(0.25) * np.sign(dy)
    return keypoints


def decode_dark(heatmaps: Float32, sigma: float = 2.0) -> Float32:
    """The highest cell of each heat map, moved to the maximum of the Gaussian around it.

    The map is smoothed, and one Newton step is taken on its logarithm, which is a parabola where
    the map is a Gaussian. Peaks on the outer two rows and columns, and those where the logarithm
    has no maximum, are not moved. The published method also rescales the smoothed map to its old
    maximum; that only adds a constant to the logarithm, so it is left out.

    Args:
        heatmaps: (M, J, H, W).
        sigma: Sigma of the Gaussians in training, in cells; also used for the smoothing.

    Returns:
        (M, J, 3) x, y in cells of the heat map, and the height of the peak.
    """
    keypoints, x, y = _peaks(heatmaps)
    height, width = heatmaps.shape[2:]
    m, j = np.nonzero((x > 1) & (x < width - 2) & (y > 1) & (y < height - 2))
    offset, is_peak = _newton_step(_smoothed(heatmaps, (m, j, y[m, j], x[m, j]), sigma))
    keypoints[m[is_peak], j[is_peak], :2] += offset[is_peak]
    return keypoints


def flip_back(heatmaps: Float32, mirror: tuple[int, ...]) -> Float32:
    """Mirror the heat maps of mirrored pictures back.

    A cell is several pixels wide, so that mirrored maps lie one cell to the left of the plain
    ones; they are shifted right by one cell, and the first column stays.

    Args:
        heatmaps: (M, J, H, W).
        mirror: For each joint, its counterpart on the other side.
    """
    flipped = heatmaps[:, list(mirror), :, ::-1]
    return np.concatenate([flipped[..., :1], flipped[..., :-1]], axis=3)


def pose_confidence(scores: Float32, min_score: float = 0.2) -> Float32:
    """Confidence of a pose: the mean of the scores above ``min_score``, 0 if there are none.

    HRNet's evaluation multiplies it with the box score to get the score of an instance.

    Args:
        scores: (M, J).
        min_score: Key points below it count as unseen.

    Returns:
        (M,).
    """
    seen = scores > min_score
    total = np.where(seen, scores, 0).sum(axis=1)
    mean: Float32 = (total / np.maximum(seen.sum(axis=1), 1)).astype(np.float32)
    return mean


def _peaks(heatmaps: Float32) -> tuple[Float32, Int64, Int64]:
    """Peaks (M, J, 3) as x, y, height; and their columns and rows, (M, J) each."""
    rows, joints, height, width = heatmaps.shape
    flat = heatmaps.reshape(rows, joints, height * width)
    cell = flat.argmax(axis=2)
    score = np.take_along_axis(flat, cell[..., None], axis=2)[..., 0]
    cell = np.where(score > 0, cell, 0)
    y, x = np.divmod(cell, width)
    return np.stack([x, y, score], axis=2).astype(np.float32), x, y


def _smoothed(heatmaps: Float32, cells: tuple[Int64, Int64, Int64, Int64], sigma: float) -> Float64:
    """The 5 x 5 cells around some cells (P,) of the maps, smoothed: (P, 5, 5)."""
    radius = math.ceil(2.5 * sigma)  # 5 for 2 and 8 for 3, as published
    reach = np.arange(-radius - 2, radius + 3)  # input cells of the outermost of the 5 cells
    m, j, y, x = (index[:, None, None] for index in cells)
    padded = np.pad(heatmaps, ((0, 0), (0, 0), (radius,) * 2, (radius,) * 2))
    patch = padded[m, j, y + radius + reach[:, None], x + radius + reach].astype(np.float64)
    distance = reach[None, :] - np.arange(-2, 3)[:, None]
    kernel = np.where(np.abs(distance) <= radius, np.exp(-(distance**2) / (2 * sigma**2)), 0)
    kernel /= kernel.sum(axis=1, keepdims=True)  # (5, 2 radius + 5)
    smoothed: Float64 = kernel @ patch @ kernel.T
    return smoothed


def _newton_step(smoothed: Float64) -> tuple[Float32, Bool]:
    """Offsets (P, 2) from the middle of (P, 5, 5) to the maximum, and whether they are valid."""
    h = np.log(np.maximum(smoothed, _MIN_VALUE))
    dx = 0.5 * (h[:, 2, 3] - h[:, 2, 1])
    dy = 0.5 * (h[:, 3, 2] - h[:, 1, 2])
    dxx = 0.25 * (h[:, 2, 4] - 2 * h[:, 2, 2] + h[:, 2, 0])
    dyy = 0.25 * (h[:, 4, 2] - 2 * h[:, 2, 2] + h[:, 0, 2])
    dxy = 0.25 * (h[:, 3, 3] - h[:, 1, 3] - h[:, 3, 1] + h[:, 1, 1])
    determinant = dxx * dyy - dxy**2
    is_peak = (determinant > 0) & (dxx < 0)
    scale = -1 / np.where(is_peak, determinant, 1)
    offset = np.stack([(dyy * dx - dxy * dy) * scale, (dxx * dy - dxy * dx) * scale], axis=1)
    return offset.astype(np.float32), is_peak
