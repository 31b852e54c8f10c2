"""The camera's view of the athlete: from the side or not."""

from __future__ import annotations

import numpy as np

from podium.schemas.postprocess import View
from podium.skeletons import Skeleton
from podium.types import Float64

SIDE_VIEW_RATIO = 0.55
"""Largest ratio of shoulder width to trunk length in the picture of a side view."""


def is_side_view(positions: Float64, skeleton: Skeleton, said: View | None = None) -> bool:
    """Whether the shoulders look narrow relative to the trunk, as in a side view.

    Args:
        positions: (T, J, 2) pixels.
        skeleton: Names the J columns.
        said: The view that the user knows; it is not questioned.
    """
    if said is not None:
        return said == "side"
    return shoulder_ratio(positions, skeleton) < SIDE_VIEW_RATIO


def shoulder_ratio(positions: Float64, skeleton: Skeleton) -> float:
    """Median over frames of shoulder width over trunk length in the picture; 0: not seen.

    From the front the shoulders are about as wide as three quarters of the trunk's length (Winter
    2009); from the side one hides the other.

    Args:
        positions: (T, J, 2) pixels.
        skeleton: Names the J columns.
    """
    across = skeleton.take(positions, "left_shoulder") - skeleton.take(positions, "right_shoulder")
    along = skeleton.take(positions, "neck") - skeleton.take(positions, "mid_hip")
    ratio = np.linalg.norm(across, axis=-1) / np.maximum(np.linalg.norm(along, axis=-1), 1e-9)
    known = ratio[np.isfinite(ratio)]
    return float(np.median(known)) if len(known) else 0.0
