"""Finds frames with exchanged legs, and frames with misplaced legs.

This works on pixels, before the fit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy

from podium.biomechanics.fit.model import Body
from podium.biomechanics.fit.observations import Observations
from podium.types import Bool, Float64

SWAP_COST = 0.02
"""Cost of a frame with exchanged legs, in standing heights: exchanging must be smoother by this."""

TORN, FASTEST_PER_S2 = 0.08, 80.0
"""In standing heights: noise, and the acceleration of a sprinter's feet."""

_LEG = ("knee", "ankle", "heel", "big_toe")


def swapped_legs(body: Body, seen: Observations) -> Bool:
    """Frames (T,) on which left and right leg were exchanged (Viterbi 1967).

    Among all ways to exchange the legs below the hips on some frames, the result has the least
    acceleration in the picture plus a small cost per exchanged frame. A state consists of two
    frames, so that legs may cross each other at speed. A frame that does not fit its neighbours
    in either way is left out: two legs at one place would let them cross at any speed.
    """
    ways, sure = _ways(body, seen)
    limit = TORN + FASTEST_PER_S2 / 2 * _step_s(seen) ** 2
    usable = (sure.sum(axis=1) >= 2) & (_off_neighbours(ways, sure).min(axis=1) <= limit)
    frames = np.flatnonzero(usable)
    swapped = np.zeros(len(seen), bool)
    if len(frames) < 4:
        return swapped
    ways, sure = ways[frames], sure[frames]
    gap = np.diff(frames, prepend=frames[0])
    restart = gap > 3
    cost = np.array([[0.0, SWAP_COST], [SWAP_COST, 2 * SWAP_COST]])
    back = np.zeros((len(frames), 2, 2), np.intp)
    for t in range(2, len(frames)):
        both = (sure[t - 2] & sure[t - 1] & sure[t])[None, None, None, None, :]
        if restart[t] or restart[t - 1] or not both.any():
            bend = np.zeros((2, 2, 2))
        else:
            a, b, c = ways[t - 2], ways[t - 1], ways[t]
            lead = (b[None, :] - a[:, None]) * (gap[t] / gap[t - 1])
            second = c[None, None, :] - b[None, :, None] - lead[:, :, None]
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


def torn_legs(body: Body, seen: Observations) -> Bool:
    """Frames (T,) whose legs, after the exchange, still jump away and back."""
    off = _off_neighbours(*_ways(body, seen))[:, 0]
    over = off > TORN + FASTEST_PER_S2 / 2 * _step_s(seen) ** 2
    highest = off >= scipy.ndimage.maximum_filter1d(off, 3, mode="nearest")
    return np.asarray(over & highest)


def torn_points(body: Body, seen: Observations) -> Bool:
    """Points (T, P) that jump away for one frame and back, such as ankles exchanged alone."""
    torn = np.zeros(seen.weight.shape, bool)
    if len(seen) < 3:
        return torn
    places = seen.pixels / seen.height_px[:, None, None]
    off = np.linalg.norm(places[1:-1] - (places[:-2] + places[2:]) / 2, axis=-1)
    known = seen.weight > 0
    off = np.where(known[:-2] & known[1:-1] & known[2:], off, 0.0)
    limit = TORN + FASTEST_PER_S2 / 2 * _step_s(seen)[1:-1, None] ** 2
    highest = off >= scipy.ndimage.maximum_filter1d(off, 3, axis=0, mode="nearest")
    torn[1:-1] = (off > limit) & highest
    return torn


def without_legs(body: Body, seen: Observations, frames: Bool) -> Observations:
    """Set the weight of the legs below the hips to 0 on these frames."""
    columns = [body.point_index[f"{side}_{n}"] for n in _LEG for side in ("right", "left")]
    weight, space_weight = seen.weight.copy(), seen.space_weight.copy()
    at = np.ix_(np.flatnonzero(frames), np.array(columns))
    weight[at] = space_weight[at] = 0.0
    return replace(seen, weight=weight, space_weight=space_weight)


def _ways(body: Body, seen: Observations) -> tuple[Float64, Bool]:
    """The legs, given and exchanged (T, way, side, point, 2), in standing heights; and seen."""
    pairs = [[body.point_index[f"{side}_{n}"] for n in _LEG] for side in ("right", "left")]
    given = seen.pixels[:, pairs] / seen.height_px[:, None, None, None]
    return np.stack([given, given[:, ::-1]], axis=1), seen.weight[:, pairs].min(axis=1) > 0


def _step_s(seen: Observations) -> Float64:
    """Time (T,) between frames."""
    return np.gradient(seen.time_s) if len(seen) > 1 else np.ones(len(seen))


def _off_neighbours(ways: Float64, sure: Bool) -> Float64:
    """Mean distance (T, way) of the legs from the middle of those on the neighbouring frames."""
    off = np.zeros((len(ways), 2))
    if len(ways) < 3:
        return off
    middle = (ways[:-2, :1] + ways[2:, :1]) / 2
    apart = np.linalg.norm(ways[1:-1] - middle, axis=-1)  # (T - 2, way, side, point)
    known = (sure[:-2] & sure[1:-1] & sure[2:])[:, None, None, :]
    count = np.maximum(2 * known.sum(axis=(2, 3)), 1)
    off[1:-1] = (apart * known).sum(axis=(2, 3)) / count
    return off


def exchange_legs(body: Body, seen: Observations, frames: Bool) -> Observations:
    """Exchange the points of left and right leg on these frames."""
    if not frames.any():
        return seen
    order = np.arange(len(body.points))
    for name in _LEG:
        right, left = (body.point_index[f"{side}_{name}"] for side in ("right", "left"))
        order[right], order[left] = left, right
    changed = {}
    for name in ("pixels", "weight", "space", "space_weight"):
        values = getattr(seen, name).copy()
        values[frames] = values[frames][:, order]
        changed[name] = values
    return replace(seen, **changed)
