"""The direction that the athlete faces, so that angles do not depend on the running direction."""

from __future__ import annotations

import numpy as np
import scipy

from podium.biomechanics.signals.timeline import rate_hz
from podium.skeletons import Skeleton
from podium.types import Float64

TURN_WINDOW_S = 1.0
TURN_AGREEMENT = 0.6
"""Mean vote (-1 or 1) within the window from which it is a turn: four of five frames agree."""


def facing(positions: Float64, time_s: Float64, skeleton: Skeleton) -> Float64:
    """+1 where the athlete faces right in the picture, -1 where left.

    Every frame votes with the direction of the feet (heel or ankle to toe, both feet summed), or,
    where no foot is seen, of the nose from the neck. The first direction is the majority of all
    votes. It changes only where the votes around a frame clearly agree on the other direction, so a
    single bad frame, or a swinging foot, cannot flip the angles.

    Args:
        positions: (T, J, 2) pixels.
        time_s: (T,).
        skeleton: Names the J columns.

    Returns:
        (T,) of +1 and -1; +1 if nothing is known.
    """
    votes = np.nan_to_num(np.sign(_direction(positions, skeleton)))
    state = -1.0 if votes.sum() < 0 else 1.0
    width = max(round(TURN_WINDOW_S * rate_hz(time_s)), 1)
    share = scipy.ndimage.uniform_filter1d(votes, min(width, max(len(votes), 1)), mode="nearest")
    result = np.empty(len(votes))
    for t, agreement in enumerate(share.tolist()):
        if agreement * state < -TURN_AGREEMENT:
            state = -state
        result[t] = state
    return result


_AHEAD = (("big_toe", "heel"), ("big_toe", "ankle"))
"""Pairs of points along a foot, tip first; the first pair that is seen is used."""


def _direction(positions: Float64, skeleton: Skeleton) -> Float64:
    pairs = [[(f"{side}_{tip}", f"{side}_{base}") for side in ("left", "right")]
             for tip, base in _AHEAD]  # fmt: skip
    direction, unknown = np.zeros(len(positions)), np.ones(len(positions), bool)
    for pair in (*pairs, [("nose", "neck")]):
        if all(skeleton.has(joint) for points in pair for joint in points):
            ahead = np.stack(
                [
                    skeleton.take(positions, tip)[:, 0] - skeleton.take(positions, base)[:, 0]
                    for tip, base in pair
                ]
            )
            seen = unknown & np.isfinite(ahead).any(axis=0)
            direction[seen] = np.nan_to_num(ahead[:, seen]).sum(axis=0)
            unknown &= ~seen
    return direction
