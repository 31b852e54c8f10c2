"""``cycles.csv``: joint angles over the stride, every stride resampled to 101 points."""

from __future__ import annotations

import csv
from typing import IO

import numpy as np

from podium.biomechanics.events.cycle_curves import CycleCurve, curves_by_stride
from podium.biomechanics.measures.registry import Measured

COLUMNS = ("person", "angle", "stride", "start_s", "percent", "deg", "sd_deg")


class CycleTable:
    """A row per person, angle, stride and percent; the stride ``mean`` is the mean of all.

    ``sd_deg`` is the standard deviation over the strides, and empty for a single one.
    """

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file)
        self._rows.writerow(COLUMNS)

    def add(self, athlete: Measured) -> None:
        """Write the strides of one athlete."""
        person = athlete.analysis.trajectory.person
        for curve in curves_by_stride(athlete.movement):
            self._add_mean(person, curve)
            strides = zip(curve.starts_s, curve.cycles_deg.tolist(), strict=True)
            for number, (start_s, degrees) in enumerate(strides, start=1):
                for percent, deg in enumerate(degrees):
                    at = (number, f"{start_s:.4f}", percent)
                    self._rows.writerow((person, curve.angle, *at, f"{deg:.3f}", ""))

    def _add_mean(self, person: int, curve: CycleCurve) -> None:
        values = zip(curve.mean_deg.tolist(), curve.sd_deg.tolist(), strict=True)
        for percent, (mean, sd) in enumerate(values):
            spread = "" if np.isnan(sd) else f"{sd:.3f}"
            self._rows.writerow((person, curve.angle, "mean", "", percent, f"{mean:.3f}", spread))
