"""A measure is a value: what it is called, how it is found, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from podium.types import Float64

Shown = Literal["first", "report", "tables"]
"""``first``: also among the headline numbers; ``report``: in the summary and the report;
``tables``: only in the tables and in ``measures.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Where a series stands in ``biomechanics.csv``."""

    kind: str  # group of rows, such as joint_angle
    row: str  # such as left_knee_flexion
    column: str  # such as angle_deg


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number, or one series over the frames, of one athlete.

    A measure that cannot be given has no ``value`` (or NaN in its ``values``) and a ``reason``.

    Attributes:
        name: Unique within an athlete, with the unit as suffix: ``left_knee_flexion_deg``.
        label: What people read.
        unit: As printed; empty for pure numbers.
        method: How it is found, with the source of the formula.
        value: Of a scalar measure; None where it is not known.
        values: Of a series, (T,) one per frame of the trajectory; NaN where it is not known.
        sd: Standard uncertainty of the value, or of one sample of the series; None: not estimated.
        n: How many samples, steps or repetitions the value rests on.
        reason: Why there is no value.
        digits: Decimals that are printed.
        shown: How prominent the measure is.
        plot: Title of the plot in the report that shows the series; empty: none. Series of one
            title share a plot.
        cell: Place in ``biomechanics.csv``; None: a row of its own, in the column ``value``.
    """

    name: str
    label: str
    unit: str
    method: str
    value: float | None = None
    values: Float64 | None = None
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
        return self.values is not None

    @property
    def place(self) -> Cell:
        """Place of a series in ``biomechanics.csv``."""
        return self.cell or Cell(kind="measure", row=self.name, column="value")

    @property
    def known(self) -> Float64:
        """The samples that have a value; of a scalar its value, if there is one."""
        if self.values is not None:
            return self.values[np.isfinite(self.values)]
        return np.array([] if self.value is None else [self.value])
