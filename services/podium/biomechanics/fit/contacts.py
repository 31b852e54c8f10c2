"""Finds heels and toes on the ground: those that are slow in the picture for long enough."""

from __future__ import annotations

import numpy as np
import scipy

from podium.biomechanics.fit.model import SIDES, Body
from podium.biomechanics.fit.observations import Observations
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Bool, Float64

CONTACT_POINTS = tuple(f"{side}_{name}" for side in SIDES for name in ("heel", "big_toe", "ball"))
_SEEN_AS = {f"{side}_ball": f"{side}_big_toe" for side in SIDES}
"""The ball of the foot is taken to stand while the tip of the toes stands."""
SLOW_PER_S = 0.12
"""Speed in standing heights per second below which a foot stands."""
WINDOW_S = 0.1
"""Speed is the slope of a line through a window of this length; a slow window stands throughout."""
_LEAST_FRAMES = 3
FLOATING_M = 0.08
PLANTED_S = 0.25
"""Who stands has both feet flat on the ground for this long. Runners and walkers have not."""


def contacts(body: Body, seen: Observations) -> Bool:
    """Which of ``CONTACT_POINTS`` stand on the ground, (T, C)."""
    columns = [body.point_index[_SEEN_AS.get(name, name)] for name in CONTACT_POINTS]
    known = seen.weight[:, columns] > 0
    frames = len(seen)
    if frames < 3:
        return np.zeros((frames, len(columns)), bool)
    half = max(round(WINDOW_S / 2 * rate_hz(seen.time_s)), _LEAST_FRAMES // 2)
    half = min(half, (frames - 1) // 2)
    limit = SLOW_PER_S * seen.height_px
    standing = np.zeros((frames, len(columns)), bool)
    for k, column in enumerate(columns):
        slow = _slope(seen.pixels[:, column], known[:, k], seen, half) < limit
        standing[:, k] = scipy.ndimage.binary_dilation(slow, np.ones(2 * half + 1, bool))
    return standing & known


def _slope(pixels: Float64, known: Bool, seen: Observations, half: int) -> Float64:
    """Slopes (T,) in pixels per second of lines through windows; infinite with unseen frames."""
    kernel = np.ones(2 * half + 1)
    inside = scipy.ndimage.minimum_filter1d(known & ~seen.breaks, 2 * half + 1, mode="constant")
    time_s = seen.time_s - seen.time_s[0]

    def total(values: Float64) -> Float64:
        return np.asarray(np.convolve(values, kernel, mode="same"))

    mean_s = total(time_s) / len(kernel)
    spread = total(time_s**2) / len(kernel) - mean_s**2
    slopes = [
        (total(time_s * axis) / len(kernel) - mean_s * total(axis) / len(kernel)) / spread
        for axis in pixels.T
    ]
    return np.where(inside, np.hypot(*slopes), np.inf)


def planted(standing: Bool, time_s: Float64) -> Bool:
    """Frames (T,) of contacts (T, C) on which the athlete stands on the soles of both feet."""
    flat = np.asarray(standing.all(axis=1))
    frames = min(max(round(PLANTED_S * rate_hz(time_s)), 1), len(flat))
    return np.asarray(scipy.ndimage.binary_opening(flat, np.ones(frames, bool)))


def above_floor(standing: Bool, heights_m: Float64) -> Bool:
    """Contacts (T, C) without those at which the fitted points are in the air, as in a jump."""
    return standing & (heights_m < FLOATING_M)
