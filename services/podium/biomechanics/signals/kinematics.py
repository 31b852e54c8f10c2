"""Velocity and acceleration of smoothed positions."""

from __future__ import annotations

import numpy as np

from podium.biomechanics.signals.timeline import runs
from podium.types import Bool, Float64


def velocity(positions: Float64, filtered: Bool, time_s: Float64, breaks: Bool) -> Float64:
    """Rates of change (T, J, D) of positions (T, J, D) per second, where they were filtered.

    Differentiation turns noise of one pixel into tens of pixels per second, so unfiltered
    positions get no velocity.
    """
    usable = np.where(filtered, positions, np.nan)
    return rate_of_change(usable.reshape(len(usable), -1), time_s, breaks).reshape(positions.shape)


def rate_of_change(values: Float64, time_s: Float64, breaks: Bool) -> Float64:
    """Central differences of second order over true times, run by run.

    Args:
        values: (T, C), NaN where absent.
        time_s: (T,), intervals may differ.
        breaks: (T,) True where a sample does not continue the previous one.

    Returns:
        (T, C), NaN where a run has fewer than three samples.
    """
    rate = np.full(values.shape, np.nan)
    for rows, columns in runs(np.isfinite(values), breaks):
        if rows.stop - rows.start < 3:
            continue
        at = np.ix_(np.arange(rows.start, rows.stop), columns)
        rate[at] = np.gradient(values[at], time_s[rows], axis=0, edge_order=2)
    return rate
