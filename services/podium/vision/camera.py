"""The pinhole camera without distortion: pixels to metres and back.

Intrinsics are ``fx, fy, cx, cy`` in frame pixels. Camera axes: x right, y down, z away.
"""

from __future__ import annotations

import numpy as np

from podium.types import Float32, Float64

ASSUMED_FOCAL_PX = 1500.0
"""Focal length that 3DMPPE assumes for an unknown camera."""

_REAL_SIZE_M = 2.0
"""Height and width that RootNet assumes for the box of a person."""


def assumed_intrinsics(width: int, height: int) -> Float32:
    """Intrinsics (4,) of an unknown camera: a focal length of 1500 px, centred on the frame."""
    return np.array([ASSUMED_FOCAL_PX, ASSUMED_FOCAL_PX, width / 2, height / 2], np.float32)


def back_project(pixels: Float64, depth_m: Float64, intrinsics: Float64) -> Float64:
    """Pixels of known depth to points in front of the camera.

    Args:
        pixels: (M, J, 2) frame pixels.
        depth_m: (M, J) z.
        intrinsics: (M, 4).

    Returns:
        (M, J, 3) metres, camera axes.
    """
    focal, center = intrinsics[:, None, :2], intrinsics[:, None, 2:]
    lateral = (pixels - center) / focal * depth_m[..., None]
    return np.concatenate([lateral, depth_m[..., None]], axis=2)


def distance_scale_m(boxes: Float64, intrinsics: Float64) -> Float64:
    """Distance at which an object of 2 m x 2 m would fill the box: RootNet's k.

    RootNet estimates a correction factor from the picture. Source: Moon et al., "Camera
    Distance-aware Top-down Approach for 3D Multi-person Pose Estimation", 2019, equation 2.

    Args:
        boxes: (M, 4) frame pixels, the whole crop of the network. A side or a focal length below
            one pixel counts as one pixel.
        intrinsics: (M, 4).

    Returns:
        (M,) metres.
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1)
    focal = np.maximum(intrinsics[:, :2], 1)
    scale: Float64 = _REAL_SIZE_M * np.sqrt((focal / sides).prod(axis=1))
    return scale
