"""Finds and corrects frames on which the model exchanged left and right, of the body or of limbs.

On a single frame a pose model may take a body for one seen from the other side, or the near leg for
the far one. Over time that is a jump: among all choices of frames on which left and right are
exchanged, the one with the smoothest motion is used (Viterbi, 1967; the state is the last two
frames). This is done before gaps are filled and before filtering, which would hide the jumps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from podium.biomechanics.persons.trajectories import Trajectory
from podium.skeletons import Skeleton
from podium.types import Bool, Float64, Int64

LONGEST_GAP_S = 0.2
"""Motion says nothing about sides across longer gaps."""

_EXCHANGE = 0.12
"""Cost of beginning or ending an exchange, in body lengths, summed over the joints."""

_EXCHANGED_PER_S = 1.8
"""Cost per exchanged second: exchanged frames are assumed to be the minority. More than about half
a second in a row cannot gain that, and is not changed."""

_FARTHEST = 0.15
"""Upper bound of a joint's jump, in body lengths: the jumps of a completely wrong pose tell nothing
about sides."""

_LEGS = ("hip", "knee", "ankle", "heel", "foot_index", "big_toe", "small_toe")
_ARMS = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hand")


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
    leg_swaps, arm_swaps = (_exchanged(trajectory, columns) for columns in (legs, arms))
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


def _exchanged(trajectory: Trajectory, columns: Int64) -> Bool:
    """The frames (T,) on which to exchange the pairs of joints (P, 2)."""
    result = np.zeros(len(trajectory), np.bool_)
    seen = np.flatnonzero(np.isfinite(trajectory.scores))
    if len(seen) < 3 or not len(columns):
        return result
    points = trajectory.keypoints[seen][:, columns]  # (S, P, 2, 3)
    middle = np.nanmean(points[:, :1, :, :2], axis=(1, 2), keepdims=True)
    places = (points[..., :2] - middle) / max(trajectory.height_px, 1.0)
    # For two joints at the same place neither order is a jump; an unseen joint tells nothing.
    weight = np.clip(points[..., 2], 0, 1).min(axis=2)
    time_s = trajectory.time_s[seen]
    result[seen] = _smoothest(np.nan_to_num(places), np.nan_to_num(weight), time_s)
    return result


def _smoothest(places: Float64, weight: Float64, time_s: Float64) -> Bool:
    """The exchanges (S,) that give the smoothest places (S, P, 2, 2) of left and right."""
    count = len(places)
    either = np.stack([places, places[:, :, ::-1]], axis=1)  # (S, 2 states, P, 2, 2)
    jumps = np.zeros((count, 2, 2, 2))  # of frame t, by the states of t - 2, t - 1 and t
    elapsed = np.diff(time_s)
    together = np.append(False, elapsed <= LONGEST_GAP_S)
    for two, one, now in product(range(2), repeat=3):
        ahead = np.zeros_like(places)
        ratio = np.zeros(count)
        ratio[2:] = elapsed[1:] / elapsed[:-1]
        moved = either[1:-1, one] - either[:-2, two]
        ahead[2:] = (
            either[1:-1, one]
            + np.where(together[1:-1, None, None, None], moved, 0) * (ratio[2:, None, None, None])
        )
        ahead[1] = either[0, one]
        off = np.linalg.norm(either[:, now] - ahead, axis=-1)
        off = np.minimum(off, _FARTHEST).sum(axis=-1)  # (S, P)
        least = np.zeros_like(weight)
        least[1:] = np.minimum(weight[1:], weight[:-1])
        jumps[:, two, one, now] = np.where(together, (off * least).sum(axis=1), 0)
        jumps[:, two, one, now] += _EXCHANGE * (one != now) * together
    exchanged = np.array([0, _EXCHANGED_PER_S * float(np.median(elapsed))])
    best = exchanged[None, :] + exchanged[:, None]  # by the states of the frame before and the last
    best = best + jumps[1, 0]
    back = np.zeros((count, 2, 2), np.int64)
    for t in range(2, count):
        total = best[:, :, None] + jumps[t]  # (two, one, now)
        back[t] = total.argmin(axis=0)
        best = total.min(axis=0) + exchanged[None, :]
    states = np.zeros(count, np.int64)
    states[-2], states[-1] = np.unravel_index(int(best.argmin()), best.shape)
    for t in range(count - 1, 1, -1):
        states[t - 2] = back[t, states[t - 1], states[t]]
    return states.astype(np.bool_)
