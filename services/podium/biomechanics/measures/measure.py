"""A measure: a value with its name, method and uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from podium.types import Bool, Float32, Float64, Floats

Shown = Literal["first", "report", "tables"]
"""``first``: a headline number; ``report``: in the summary and the report; ``tables``: only in the
tables and in ``measures.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Place of a series in ``biomechanics.csv``."""

    kind: str  # group of rows, such as joint_angle
    row: str  # such as left_knee_flexion
    column: str  # such as angle_deg


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number, or one series over the frames, of one athlete.

    An unknown measure has no ``value`` (or NaN in its ``samples``) and a ``reason``.

    Attributes:
        name: Unique within an athlete, with the unit as suffix: ``left_knee_flexion_deg``.
        label: Label for people.
        unit: As printed; empty for pure numbers.
        method: Method, with the source of the formula.
        value: Value of a scalar measure; None: unknown.
        samples: Floats of a series, (T,), one per frame of the trajectory; NaN: unknown.
        factor: ``values`` are the samples times this, so a signal in two units is kept once.
        sd: Standard uncertainty of the value, or of one sample of the series; None: not estimated.
        n: Number of samples, steps or repetitions behind the value.
        reason: Why there is no value.
        digits: Number of decimals to print.
        shown: Where the measure is shown.
        plot: Title of the plot of the series in the report; empty: no plot. Series with the same
            title share a plot.
        cell: Place in ``biomechanics.csv``; None: its own row, in the column ``value``.
    """

    name: str
    label: str
    unit: str
    method: str
    value: float | None = None
    samples: Floats | None = None
    factor: float = 1.0
    sd: float | None = None
    n: int | None = None
    reason: str = ""
    digits: int = 3
    shown: Shown = "report"
    plot: str = ""
    cell: Cell | None = None

    @property
    def is_series(self) -> bool:
        """Whether there is one value per frame."""
        return self.samples is not None

    @property
    def values(self) -> Floats | None:
        """Values of a series in its unit, (T,), calculated if there is a factor."""
        if self.samples is None or self.factor == 1.0:
            return self.samples
        return self.samples * self.factor

    @property
    def place(self) -> Cell:
        """Place of a series in ``biomechanics.csv``."""
        return self.cell or Cell(kind="measure", row=self.name, column="value")

    @property
    def known(self) -> Float64:
        """The known samples of a series, or the value of a scalar, if it is known."""
        values = self.values
        if values is not None:
            return np.asarray(values[np.isfinite(values)], float)
        return np.array([] if self.value is None else [self.value])


def compact(samples: Float64 | Bool) -> Float32:
    """Floats with seven digits, which take half the memory: for series that are only printed."""
    return samples.astype(np.float32)


def unknown(samples: Floats) -> Float64:
    """NaNs (T,) in place of samples, which take no memory: all are the same one."""
    return np.broadcast_to(np.nan, samples.shape)
