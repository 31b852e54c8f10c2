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
    """An angle over 0 to 100 percent of n cycles."""

    angle: str
    starts_s: tuple[float, ...]  # n
    cycles_deg: Float64  # (n, 101)

    @property
    def n(self) -> int:
        """Number of cycles."""
        return len(self.cycles_deg)

    @property
    def mean_deg(self) -> Float64:
        """Mean over the cycles (101,)."""
        return np.asarray(self.cycles_deg.mean(axis=0))

    @property
    def sd_deg(self) -> Float64:
        """Standard deviation over the cycles (101,); NaN for a single one."""
        if self.n < 2:
            return np.full(POINTS, np.nan)
        return np.asarray(np.std(self.cycles_deg, axis=0, ddof=1))


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
            time_s = movement.analysis.trajectory.time_s
            cycles = [
                (start_s, _stretched(series.chosen.degrees, time_s, start_s, end_s))
                for start_s, end_s in pairwise(starts)
            ]
            found += _curve(
                series.angle, [cycle for cycle in cycles if np.isfinite(cycle[1]).all()]
            )
    return found


def curves_of_clip(movement: Movement) -> list[CycleCurve]:
    """Curves with the clip as one cycle, from the first to the last frame with a known angle."""
    time_s = movement.analysis.trajectory.time_s
    found = []
    for series in movement.analysis.angles:
        known = np.isfinite(series.chosen.degrees)
        if _is_compared(series.angle) and np.count_nonzero(known) > 1:
            at_s, degrees = time_s[known], series.chosen.degrees[known]
            start_s = float(at_s[0])
            cycle = _stretched(degrees, at_s, start_s, float(at_s[-1]))
            found += _curve(series.angle, [(start_s, cycle)])
    return found


def _is_compared(angle: Angle) -> bool:
    return angle.name.removeprefix("left_").removeprefix("right_") in COMPARED


def _starts_s(gait: Gait, angle: Angle) -> list[float]:
    side = "right" if angle.name.startswith("right_") else "left"
    return [contact.on_s for contact in gait.contacts if contact.side == side]


def _stretched(degrees: Float64, time_s: Float64, start_s: float, end_s: float) -> Float64:
    return np.interp(np.linspace(start_s, end_s, POINTS), time_s, degrees)


def _curve(angle: Angle, cycles: list[tuple[float, Float64]]) -> list[CycleCurve]:
    if not cycles:
        return []
    starts_s, degrees = zip(*cycles, strict=True)
    return [CycleCurve(angle.name, starts_s, np.stack(degrees))]
