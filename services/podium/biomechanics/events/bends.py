"""Repetitions on the spot: both knees bend deeply together and straighten again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.signals.peaks import prominent_peaks
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

LEAST_DEG = 40.0
"""How much more the knees bend than before and after; walking with both knees does not reach it."""
APART_DEG = 30.0
"""How far the knees may differ at the lowest point; a step has one leg straight."""
_EDGE = 0.1  # of the depth: where the movement begins and ends
_LEAST_FRAMES = 12
_SHORTEST_S = 0.4
_LONGEST_S = 60.0  # from standing to standing


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
    time_s, sides, sd_deg = analysis.trajectory.time_s[known], knees[:, known], sd_deg[known]
    both = sides.mean(axis=0)
    least = max(round(_SHORTEST_S * rate_hz(time_s)), 1)
    lowest = prominent_peaks(
        both, time_s, prominence=LEAST_DEG, within_s=_LONGEST_S, distance=least
    )
    return tuple(
        Bend(
            start_s=float(time_s[_edge(both, at, left)]),
            lowest_s=float(time_s[at]),
            end_s=float(time_s[_edge(both, at, right)]),
            depth_deg=float(both[at]),
            depth_sd_deg=float(sd_deg[at]),
        )
        for at, left, right in lowest
        if abs(sides[0, at] - sides[1, at]) <= APART_DEG
    )


def _edge(degrees: Float64, at: int, base: int) -> int:
    """The frame nearest to the lowest point ``at``, towards its ``base``, with hardly a bend."""
    level = degrees[base] + _EDGE * (degrees[at] - degrees[base])
    if base < at:
        return base + int(np.flatnonzero(degrees[base:at] <= level)[-1])
    return at + int(np.flatnonzero(degrees[at : base + 1] <= level)[0])
