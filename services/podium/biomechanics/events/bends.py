"""Repetitions on the spot: both knees bend deeply together and straighten again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

LEAST_DEG = 40.0
"""How much more the knees bend than before and after; walking with both knees does not reach it."""
APART_DEG = 30.0
"""How far the knees may differ at the lowest point; a step has one leg straight."""
_EDGE = 0.1  # of the depth: where the movement begins and ends
_LEAST_FRAMES = 12
_SHORTEST_S = 0.4


@dataclass(frozen=True, slots=True)
class Bend:
    """One squat, or one sitting down and standing up."""

    start_s: float
    lowest_s: float
    end_s: float
    depth_deg: float  # greatest flexion of the knees, mean of both
    depth_sd_deg: float  # standard uncertainty of it; NaN where the angles have none


def bends_of(analysis: Analysis) -> tuple[Bend, ...] | str:
    """Find the repetitions; or say why the knees do not show them."""
    names = [series.angle.name for series in analysis.angles]
    if not {"left_knee_flexion", "right_knee_flexion"} <= set(names):
        return "the key points have no knees"
    chosen = [
        analysis.angles[names.index(f"{side}_knee_flexion")].chosen for side in ("left", "right")
    ]
    knees = np.stack([angle.degrees for angle in chosen])
    sd_deg = np.mean([angle.sd_deg for angle in chosen], axis=0)  # what is wrong is alike in both
    known = np.isfinite(knees).all(axis=0)
    if np.count_nonzero(known) < _LEAST_FRAMES:
        return "the angles of both knees are not known"
    time_s, sides = analysis.trajectory.time_s[known], knees[:, known]
    both = sides.mean(axis=0)
    least = max(round(_SHORTEST_S * rate_hz(time_s)), 1)
    lowest, _ = scipy.signal.find_peaks(both, prominence=LEAST_DEG, distance=least)
    together = [at for at in lowest if abs(sides[0, at] - sides[1, at]) <= APART_DEG]
    return tuple(_bend(both, sd_deg[known], time_s, int(at)) for at in together)


def _bend(degrees: Float64, sd_deg: Float64, time_s: Float64, at: int) -> Bend:
    """From where the knees begin to bend to where they are straight again."""
    _, lefts, rights = scipy.signal.peak_prominences(degrees, [at])
    start, end = (
        _edge(degrees, at, int(base), step) for base, step in ((lefts[0], -1), (rights[0], 1))
    )
    return Bend(
        start_s=float(time_s[start]),
        lowest_s=float(time_s[at]),
        end_s=float(time_s[end]),
        depth_deg=float(degrees[at]),
        depth_sd_deg=float(sd_deg[at]),
    )


def _edge(degrees: Float64, at: int, base: int, step: int) -> int:
    """The frame, from the lowest point outwards, on which hardly a bend is left."""
    straight = float(degrees[min(at, base) : max(at, base) + 1].min())
    level = straight + _EDGE * (float(degrees[at]) - straight)
    row = at
    while row != base and degrees[row] > level:
        row += step
    return row
