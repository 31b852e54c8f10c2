"""Finds frames on which the key points belong to something else.

This works on pixels, before the fit. The clip is cut where the trunk and the knees jump, and the
longest chain of pieces that continue each other is kept. So bad frames are also found at the ends
of a clip.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import scipy

from podium.biomechanics.fit.model import Body
from podium.biomechanics.fit.observations import Observations
from podium.biomechanics.signals.checkpoints import checkpoint
from podium.types import Bool, Float64, Int64

JUMP = 0.10
"""Largest deviation from steady motion between two frames, in standing heights."""
_SHARE = 1 / 3
"""The body jumps if more than two thirds of its points do; noise moves fewer."""
MAX_REACH_FRAMES = 60
"""Pieces that are further apart are not joined."""
SETTLING = (1 / 6, 1 / 2)
"""Weights of the first frames of an athlete. A pose model looks where the detector saw the person
first, and at where the body was from then on; on rendered clips that were used to set up the fit,
legs are two to three times as far off on the first frame, and 1.5 times on the second."""
_ROWS_AT_ONCE = 1024
_STEADY = tuple(
    f"{side}_{name}" for side in ("right", "left") for name in ("shoulder", "hip", "knee")
)


def bad_frames(body: Body, seen: Observations) -> Bool:
    """Frames (T,) whose body does not continue that of the neighbouring frames."""
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
    """Median without NaNs; NaN if there is nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing but NaNs
        return np.asarray(np.nanmedian(values, axis=axis))


def _apart(points: Float64, drift: Float64, frames: Int64, a: Int64, b: Int64) -> Float64:
    """Distances (K,) of rows b from the predictions from rows a, in standing heights."""
    gap = frames[b] - frames[a]
    lead = 0.5 * (drift[a] + drift[b]) * gap[:, None]
    off = np.linalg.norm(points[b] - points[a] - lead[:, None], axis=-1)
    return _low_quantile(off) / (1 + 0.1 * (gap - 1))


def _low_quantile(values: Float64) -> Float64:
    """The quantile ``_SHARE`` (K,) of the known ones of (K, P), by linear interpolation; else 0."""
    ordered = np.sort(values, axis=1)  # NaNs go last
    place = _SHARE * np.maximum(np.isfinite(values).sum(axis=1) - 1, 0)
    low = place.astype(int)
    high = np.minimum(low + 1, values.shape[1] - 1)
    row = np.arange(len(values))
    below, above = ordered[row, low], ordered[row, high]
    between = below + np.where(place > low, (above - below) * (place - low), 0.0)
    return np.asarray(np.nan_to_num(between))


def _pieces(points: Float64, drift: Float64, frames: Int64) -> list[tuple[int, int]]:
    cuts: list[int] = []
    for start in range(1, len(frames), _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(frames)))
        apart = _apart(points, drift, frames, rows - 1, rows)
        cuts += rows[apart > JUMP].tolist()
    return list(pairwise([0, *cuts, len(frames)]))


def _longest_chain(
    points: Float64, drift: Float64, frames: Int64, pieces: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    best = [stop - start for start, stop in pieces]
    ends = np.array([stop - 1 for _, stop in pieces])
    end_frames = frames[ends]
    before: list[int | None] = [None] * len(pieces)
    for j, (start, stop) in enumerate(pieces):
        checkpoint()
        first = int(np.searchsorted(end_frames[:j], frames[start] - MAX_REACH_FRAMES))
        near = ends[min(first, max(j - 1, 0)) : j]
        far = frames[start] - frames[near] > MAX_REACH_FRAMES
        reaches = far | (_apart(points, drift, frames, near, np.full(len(near), start)) <= JUMP)
        for i in (j - len(near) + np.flatnonzero(reaches)[::-1]).tolist():
            if best[i] + stop - start > best[j]:
                best[j], before[j] = best[i] + stop - start, i
    chain: list[tuple[int, int]] = []
    at: int | None = int(np.argmax(best))
    while at is not None:
        chain.append(pieces[at])
        at = before[at]
    return chain[::-1]


def settling(seen: Observations) -> Observations:
    """Give the first frames of the athlete less weight."""
    there = np.flatnonzero((seen.weight > 0).any(axis=1))[: len(SETTLING)]
    weight = np.ones((len(seen), 1))
    weight[there, 0] = SETTLING[: len(there)]
    # Key points are weighted by the square of their standard deviation, landmarks by itself.
    return replace(
        seen, weight=seen.weight * weight, space_weight=seen.space_weight * np.sqrt(weight)
    )


def without(seen: Observations, frames: Bool) -> Observations:
    """Give these frames no weight."""
    keep = ~frames[:, None]
    return replace(seen, weight=seen.weight * keep, space_weight=seen.space_weight * keep)
