"""Frames on which the key points are of something else, and legs that change sides.

Both are found in the picture, before anything is fitted. A frame is judged by whether it continues
its neighbours: the clip is cut where the trunk and the knees jump, and the longest chain of pieces
that continue each other is kept. So a bad frame is found at the ends of a clip as in its middle.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import scipy

from podium.biomechanics.fit.model import Body
from podium.biomechanics.fit.observations import Observations
from podium.types import Bool, Float64

JUMP = 0.10
"""Of the standing height: how far the body may leave its steady motion from frame to frame."""
_SHARE = 1 / 3
"""The body has left when more than two thirds of its points have; noise moves fewer."""
MAX_REACH_FRAMES = 60
"""Pieces further apart than this are not joined."""
SWAP_COST = 0.02
"""Of the standing height per frame: legs are taken to be swapped only if that is smoother."""

_STEADY = tuple(
    f"{side}_{name}" for side in ("right", "left") for name in ("shoulder", "hip", "knee")
)
_LEG = ("hip", "knee", "ankle", "heel", "big_toe")


def bad_frames(body: Body, seen: Observations) -> Bool:
    """Frames (T,) whose body does not continue that of the frames around."""
    columns = [body.point_index[name] for name in _STEADY]
    known = (seen.weight[:, columns] > 0).sum(axis=1) >= 3
    frames = np.flatnonzero(known)
    if len(frames) < 3:
        return np.asarray(~known)
    points = np.where(seen.weight[:, columns, None] > 0, seen.pixels[:, columns], np.nan)[frames]
    points = points / seen.height_px[frames, None, None]
    drift = _drift(points)
    pieces = _pieces(points, drift, frames)
    kept = _longest_chain(points, drift, frames, pieces)
    bad = np.ones(len(seen), bool)
    for start, stop in kept:
        bad[frames[start:stop]] = False
    return bad


def _drift(points: Float64) -> Float64:
    """Steady motion (T, 2) of the whole body per frame."""
    steps = np.nan_to_num(_median(np.diff(points, axis=0), axis=1))
    width = min(9, len(steps))
    steady = scipy.ndimage.median_filter(steps, (width, 1), mode="nearest")
    return np.concatenate([steady[:1], steady])


def _median(values: Float64, axis: int) -> Float64:
    """Without the NaNs; NaN where there is nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing but NaNs
        return np.asarray(np.nanmedian(values, axis=axis))


def _apart(points: Float64, drift: Float64, frames: np.ndarray, a: int, b: int) -> float:
    """How far row b is from where row a leads to, in standing heights."""
    gap = frames[b] - frames[a]
    lead = 0.5 * (drift[a] + drift[b]) * gap
    off = np.linalg.norm(points[b] - points[a] - lead, axis=-1)
    off = off[np.isfinite(off)]
    return float(np.quantile(off, _SHARE)) / (1 + 0.1 * (gap - 1)) if len(off) else 0.0


def _pieces(points: Float64, drift: Float64, frames: np.ndarray) -> list[tuple[int, int]]:
    cuts = [
        row for row in range(1, len(frames)) if _apart(points, drift, frames, row - 1, row) > JUMP
    ]
    edges = [0, *cuts, len(frames)]
    return list(pairwise(edges))


def _longest_chain(
    points: Float64, drift: Float64, frames: np.ndarray, pieces: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    best = [stop - start for start, stop in pieces]
    before: list[int | None] = [None] * len(pieces)
    for j, (start, stop) in enumerate(pieces):
        for i in range(j - 1, -1, -1):
            end = pieces[i][1] - 1
            if frames[start] - frames[end] > MAX_REACH_FRAMES and i < j - 1:
                break
            far = frames[start] - frames[end] > MAX_REACH_FRAMES
            reaches = far or _apart(points, drift, frames, end, start) <= JUMP
            if reaches and best[i] + stop - start > best[j]:
                best[j], before[j] = best[i] + stop - start, i
    chain: list[tuple[int, int]] = []
    at: int | None = int(np.argmax(best))
    while at is not None:
        chain.append(pieces[at])
        at = before[at]
    return chain[::-1]


def without(seen: Observations, frames: Bool) -> Observations:
    """Give these frames no weight."""
    keep = ~frames[:, None]
    return replace(seen, weight=seen.weight * keep, space_weight=seen.space_weight * keep)


def swapped_legs(body: Body, seen: Observations) -> Bool:
    """Frames (T,) on which left and right leg were taken for each other (Viterbi 1967).

    Of all ways to exchange the legs below the hips on some frames, that whose points accelerate
    least in the picture, with a small price for every exchanged frame. Two frames together are
    the state, so that legs may cross each other at speed.
    """
    pairs = [[body.point_index[f"{side}_{n}"] for n in _LEG[1:]] for side in ("right", "left")]
    given = seen.pixels[:, pairs] / seen.height_px[:, None, None, None]  # (T, 2, 4, 2)
    ways = np.stack([given, given[:, ::-1]], axis=1)  # (T, way, side, point, 2)
    sure = seen.weight[:, pairs].min(axis=1) > 0  # (T, 4)
    usable = sure.sum(axis=1) >= 2
    frames = np.flatnonzero(usable)
    swapped = np.zeros(len(seen), bool)
    if len(frames) < 4:
        return swapped
    ways, sure = ways[frames], sure[frames]
    restart = np.diff(frames, prepend=frames[0]) > 3
    cost = np.array([[0.0, SWAP_COST], [SWAP_COST, 2 * SWAP_COST]])
    back = np.zeros((len(frames), 2, 2), np.intp)
    for t in range(2, len(frames)):
        both = (sure[t - 2] & sure[t - 1] & sure[t])[None, None, None, None, :]
        if restart[t] or restart[t - 1] or not both.any():
            bend = np.zeros((2, 2, 2))
        else:
            a, b, c = ways[t - 2], ways[t - 1], ways[t]
            second = a[:, None, None] - 2 * b[None, :, None] + c[None, None, :]
            size = np.minimum(np.linalg.norm(second, axis=-1), 0.5)  # (2, 2, 2, side, point)
            bend = (size * both).sum(axis=(-2, -1)) / both.sum() / 2
        total = cost[:, :, None] + bend
        back[t] = total.argmin(axis=0)
        cost = total.min(axis=0) + np.array([0.0, SWAP_COST])[None, :]
    way = np.zeros(len(frames), np.intp)
    way[-2], way[-1] = np.unravel_index(int(cost.argmin()), cost.shape)
    for t in range(len(frames) - 1, 1, -1):
        way[t - 2] = back[t, way[t - 1], way[t]]
    swapped[frames] = way == 1
    return swapped


def exchange_legs(body: Body, seen: Observations, frames: Bool) -> Observations:
    """Give the right leg's points to the left one on these frames, and the other way round."""
    if not frames.any():
        return seen
    order = np.arange(len(body.points))
    for name in _LEG[1:]:
        right, left = (body.point_index[f"{side}_{name}"] for side in ("right", "left"))
        order[right], order[left] = left, right
    changed = {}
    for name in ("pixels", "weight", "space", "space_weight"):
        values = getattr(seen, name).copy()
        values[frames] = values[frames][:, order]
        changed[name] = values
    return replace(seen, **changed)
