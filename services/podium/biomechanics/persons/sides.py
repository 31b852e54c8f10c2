"""Finds and corrects frames on which the model exchanged left and right, of the body or of limbs.

On a single frame a pose model may take a body for one seen from the other side, or the near leg for
the far one. Over time that is a jump: among all choices of frames on which left and right are
exchanged, the one with the smoothest motion is used (Viterbi, 1967; the state is the last two
frames). Where somebody else hides a person, some poses are wrong on either side: they are left out
of the motion. Where legs and arms swing together, as in walking and running, the choice must keep
them together, too. This is done before gaps are filled and before filtering, which would hide the
jumps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from podium.biomechanics.persons.limbs import Limbs, plausible
from podium.biomechanics.persons.swing import swing_together
from podium.biomechanics.persons.trajectories import Trajectory
from podium.skeletons import Skeleton
from podium.types import Bool, Float64, Int64

_EXCHANGED_PER_S = 0.5
"""Cost per exchanged second of legs or arms: exchanged frames are assumed to be the minority. It
only has to tell them from the rest, because beginning and ending an exchange costs, too."""

_AGAINST_SWING_PER_S = 18.0
"""Cost per second of exchanges against the swing of arms and legs. What is not exchanged costs no
more than ``_EXCHANGED_PER_S``, so that no exchange is made for the swing alone."""

_LEGS = ("hip", "knee", "ankle", "heel", "foot_index", "big_toe", "small_toe")
_ARMS = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hand")

_STATES = np.array(list(product((False, True), repeat=2)))
"""(4, 2) whether legs and arms are exchanged."""


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Frames of a trajectory on which left and right were exchanged."""

    body: Bool  # (T,) arms and legs
    legs: Bool  # (T,) only legs
    arms: Bool  # (T,) only arms

    @staticmethod
    def none(count: int) -> Exchanges:
        """No exchanges on ``count`` frames."""
        never = np.zeros(count, np.bool_)
        return Exchanges(never, never, never)


def undo_exchanges(trajectory: Trajectory, skeleton: Skeleton) -> tuple[Trajectory, Exchanges]:
    """Exchange left and right where that makes the motion smooth.

    If the whole body was exchanged, so was its depth, and complete points are exchanged. If only
    legs or arms were, the points in the picture are exchanged, but not the depths, which the model
    takes from the trunk.

    Args:
        trajectory: The unfiltered output of the pose model.
        skeleton: Names the J columns.
    """
    legs, arms = (_columns(skeleton, names) for names in (_LEGS, _ARMS))
    leg_swaps, arm_swaps = _exchanged(trajectory, legs, arms)
    body = leg_swaps & arm_swaps
    found = Exchanges(body, leg_swaps & ~body, arm_swaps & ~body)
    if not (leg_swaps | arm_swaps).any():
        return trajectory, found
    keypoints, keypoints_3d = trajectory.keypoints.copy(), trajectory.keypoints_3d.copy()
    mirror = np.array(skeleton.mirror)
    keypoints[body] = keypoints[body][:, mirror]
    keypoints_3d[body] = keypoints_3d[body][:, mirror]
    for rows, pairs in ((found.legs, legs), (found.arms, arms)):
        left, right = pairs.T
        for points, width in ((keypoints, 3), (keypoints_3d, 2)):
            at = np.ix_(rows, left, np.arange(width)), np.ix_(rows, right, np.arange(width))
            points[at[0]], points[at[1]] = points[at[1]].copy(), points[at[0]].copy()
    return replace(trajectory, keypoints=keypoints, keypoints_3d=keypoints_3d), found


def _columns(skeleton: Skeleton, names: tuple[str, ...]) -> Int64:
    """Columns (P, 2) of left and right of the joints that the skeleton has."""
    pairs = [
        (skeleton.index[f"left_{name}"], skeleton.index[f"right_{name}"])
        for name in names
        if f"left_{name}" in skeleton.index
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _exchanged(trajectory: Trajectory, legs: Int64, arms: Int64) -> tuple[Bool, Bool]:
    """The frames (T,) on which to exchange legs and arms, given as pairs of joints (P, 2)."""
    swaps = np.zeros((2, len(trajectory)), np.bool_)
    seen = np.flatnonzero(np.isfinite(trajectory.scores))
    if len(seen) < 3:
        return swaps[0], swaps[1]
    time_s, points = trajectory.time_s[seen], trajectory.keypoints[seen]
    size_px = max(trajectory.height_px, 1.0)
    limbs = [Limbs.of(points[:, pairs], size_px, time_s) for pairs in (legs, arms)]
    sure = plausible(limbs)
    if sure.sum() < 3:
        return swaps[0], swaps[1]
    states = _states([limb.rows(sure) for limb in limbs], float(np.median(np.diff(time_s))))
    for swap, limb, exchanged in zip(swaps, limbs, _STATES[states].T, strict=True):
        swap[seen] = limb.nearest_sides(sure, exchanged)
    return swaps[0], swaps[1]


def _states(limbs: list[Limbs], frame_s: float) -> Int64:
    """The rows of ``_STATES`` (S,) for legs and arms with the smoothest motion and swing."""
    jumps = [limb.jumps() for limb in limbs]
    costs = np.tile(_STATES.sum(axis=1) * _EXCHANGED_PER_S * frame_s, (len(jumps[0]), 1))
    states = _cheapest(jumps, costs)
    mended = [
        replace(limb, places=limb.exchanged(which))
        for limb, which in zip(limbs, _STATES[states].T, strict=True)
    ]
    swing = swing_together(mended[0], mended[1])
    if not swing.any():
        return states
    is_one = _STATES[:, 0] != _STATES[:, 1]  # legs or arms
    swing = np.where(is_one[states], -swing, swing)[:, None]  # of what the model said
    against = np.where(
        is_one, swing.clip(0) * _AGAINST_SWING_PER_S, (-swing).clip(0) * _EXCHANGED_PER_S
    )
    return _cheapest(jumps, costs + against * frame_s)


def _cheapest(jumps: list[Float64], costs: Float64) -> Int64:
    """The states (S,) of least total cost.

    Args:
        jumps: Of legs and of arms, (S, 2, 2, 2) each, see ``Limbs.jumps``.
        costs: (S, 4) of each state on each frame.
    """
    legs, arms = jumps
    both = legs[:, :, None, :, None, :, None] + arms[:, None, :, None, :, None, :]
    both = both.reshape(-1, 4, 4, 4)  # by the states two frames before, one before, and now
    best = costs[0][:, None] + costs[1] + both[1, 0]  # by the states of the last two frames
    back = np.zeros((len(costs), 4, 4), np.int64)
    for t in range(2, len(costs)):
        total = best[:, :, None] + both[t]
        back[t] = total.argmin(axis=0)
        best = total.min(axis=0) + costs[t]
    states = np.zeros(len(costs), np.int64)
    states[-2], states[-1] = np.unravel_index(int(best.argmin()), best.shape)
    for t in range(len(costs) - 1, 1, -1):
        states[t - 2] = back[t, states[t - 1], states[t]]
    return states
