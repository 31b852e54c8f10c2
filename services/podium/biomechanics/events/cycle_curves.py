"""Time-normalised angles: every cycle resampled to 101 points, with mean and SD."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from podium.biomechanics.body.angles import Angle
from podium.biomechanics.events.gait import Gait
from podium.biomechanics.events.movement import Movement
from podium.types import Float64

POINTS = 101
COMPARED = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion", "trunk")


@dataclass(frozen=True, slots=True)
class CycleCurve:
    """Mean and SD of an angle over 0 to 100 percent of a cycle."""

    angle: str
    mean_deg: Float64  # (101,)
    sd_deg: Float64  # (101,) over the cycles; NaN for a single one
    n: int  # cycles


def curves_by_stride(movement: Movement) -> list[CycleCurve]:
    """Curves over strides, from contact to contact of the same foot; for the trunk the left foot.

    Strides with unknown angles are left out.
    """
    if isinstance(movement.gait, str):
        return []
    found = []
    for series in movement.analysis.angles:
        if _is_compared(series.angle):
            starts = _starts_s(movement.gait, series.angle)
            spans = [
                _stretched(series.chosen.degrees, movement.analysis.trajectory.time_s, *span)
                for span in pairwise(starts)
            ]
            found += _curve(series.angle, [span for span in spans if np.isfinite(span).all()])
    return found


def curves_of_clip(movement: Movement) -> list[CycleCurve]:
    """Curves with the clip as one cycle, from the first to the last frame with a known angle."""
    time_s = movement.analysis.trajectory.time_s
    found = []
    for series in movement.analysis.angles:
        known = np.isfinite(series.chosen.degrees)
        if _is_compared(series.angle) and np.count_nonzero(known) > 1:
            at_s, degrees = time_s[known], series.chosen.degrees[known]
            span = _stretched(degrees, at_s, float(at_s[0]), float(at_s[-1]))
            found += _curve(series.angle, [span])
    return found


def _is_compared(angle: Angle) -> bool:
    return angle.name.removeprefix("left_").removeprefix("right_") in COMPARED


def _starts_s(gait: Gait, angle: Angle) -> list[float]:
    side = "right" if angle.name.startswith("right_") else "left"
    return [contact.on_s for contact in gait.contacts if contact.side == side]


def _stretched(degrees: Float64, time_s: Float64, start_s: float, end_s: float) -> Float64:
    return np.interp(np.linspace(start_s, end_s, POINTS), time_s, degrees)


def _curve(angle: Angle, cycles: list[Float64]) -> list[CycleCurve]:
    if not cycles:
        return []
    table = np.stack(cycles)
    spread = np.std(table, axis=0, ddof=1) if len(table) > 1 else np.full(POINTS, np.nan)
    return [CycleCurve(angle.name, table.mean(axis=0), spread, len(table))]
