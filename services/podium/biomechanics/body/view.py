"""From where the camera sees the athlete."""

from __future__ import annotations

import numpy as np

from podium.skeletons import Skeleton
from podium.types import Float64

SIDE_VIEW_RATIO = 0.55
"""Shoulder width over trunk length, in the picture."""


def is_side_view(positions: Float64, skeleton: Skeleton) -> bool:
    """Whether the shoulders look narrow for the trunk, as they do from the side.

    Args:
        positions: (T, J, 2) pixels.
        skeleton: Names the J columns.
    """
    return shoulder_ratio(positions, skeleton) < SIDE_VIEW_RATIO


def shoulder_ratio(positions: Float64, skeleton: Skeleton) -> float:
    """Shoulder width over trunk length in the picture, the median over the frames; 0: not seen.

    Seen from the front the shoulders are about as wide as three quarters of the trunk are long
    (Winter 2009); from the side they hide each other.

    Args:
        positions: (T, J, 2) pixels.
        skeleton: Names the J columns.
    """
    across = skeleton.take(positions, "left_shoulder") - skeleton.take(positions, "right_shoulder")
    along = skeleton.take(positions, "neck") - skeleton.take(positions, "mid_hip")
    ratio = np.linalg.norm(across, axis=-1) / np.maximum(np.linalg.norm(along, axis=-1), 1e-9)
    known = ratio[np.isfinite(ratio)]
    return float(np.median(known)) if len(known) else 0.0
