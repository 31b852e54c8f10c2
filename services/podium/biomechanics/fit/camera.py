"""A static, upright pinhole camera at the origin of the level frame, pitched about the x axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.types import Float64

NEAREST_M = 0.3
"""Closer points are treated as if at this distance, as a step of the fit may overshoot."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Pixels from the principal point, y down, and their derivatives."""

    pixels: Float64  # (..., 2)
    by_point: Float64  # (..., 2, 3)
    by_log_focal: Float64  # (..., 2)
    by_pitch: Float64  # (..., 2)


def pixels_of(points: Float64, focal_px: float, pitch: float) -> Float64:
    """Pixels (..., 2) of points (..., 3) of the level frame; a positive pitch looks down."""
    seen = points @ _turn(pitch).T
    scale = focal_px / np.maximum(-seen[..., 2], NEAREST_M)
    return np.asarray(seen[..., :2] * scale[..., None] * (1.0, -1.0))


def project(points: Float64, focal_px: float, pitch: float) -> Projection:
    """Pixels, with derivatives by the points, the logarithm of the focal length and the pitch."""
    turn = _turn(pitch)
    seen = points @ turn.T
    depth = np.maximum(-seen[..., 2], NEAREST_M)
    scale = focal_px / depth
    pixels = seen[..., :2] * scale[..., None] * (1.0, -1.0)
    by_seen = np.zeros((*points.shape[:-1], 2, 3))
    by_seen[..., 0, 0] = scale
    by_seen[..., 1, 1] = -scale
    by_seen[..., 2] = pixels / depth[..., None]
    turned = np.zeros_like(seen)
    turned[..., 1], turned[..., 2] = -seen[..., 2], seen[..., 1]
    return Projection(
        pixels=pixels,
        by_point=by_seen @ turn,
        by_log_focal=pixels,
        by_pitch=(by_seen @ turned[..., None])[..., 0],
    )


def _turn(pitch: float) -> Float64:
    cos, sin = np.cos(pitch), np.sin(pitch)
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
