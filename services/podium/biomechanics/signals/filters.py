"""Smooths key points: each unbroken run separately, over true times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from podium.biomechanics.signals.butterworth import butterworth
from podium.biomechanics.signals.smoothers import LEAST_SAMPLES, gcv_spline, kalman
from podium.biomechanics.signals.timeline import rate_hz, runs
from podium.schemas.postprocess import FilterMethod
from podium.types import Bool, Float64

_AT_ONCE = 16
"""Columns, as a filter takes several times the memory of what it filters."""

_LEAST_CUTOFF = 1e-5
"""Fraction of the rate. A filter for less has coefficients without digits, and a period is longer
than 100,000 frames."""

UNIFORM_TOLERANCE = 0.01
"""Intervals that differ by less than this fraction count as equal."""


@dataclass(frozen=True, slots=True)
class Smoothing:
    """The filter and its parameters.

    ``butterworth``: second order, forwards and backwards, so fourth order without delay. Each
    pass has its -3 dB point at ``cutoff_hz``; both together halve the amplitude there.
    ``savgol``: cubic Savitzky-Golay with a window for that cut-off.
    ``one_euro``: causal, so it lags; its cut-off rises with the speed. ``kalman``: a smoother that
    halves the amplitude at ``cutoff_hz``, too, more steeply. ``gcv_spline``: a cubic spline whose
    cut-off follows from the noise of each key point. ``none``: no filter.
    """

    method: FilterMethod = "butterworth"
    cutoff_hz: float = 8.0
    speed_gain: float = 2.5  # one_euro: cut-off rises by this many Hz per unit/s (see ``unit``)

    def scaled(self, factor: float) -> Smoothing:
        """The filter with another cut-off."""
        return replace(self, cutoff_hz=factor * self.cutoff_hz)


def smooth(
    values: Float64, time_s: Float64, breaks: Bool, smoothing: Smoothing, *, unit: float = 1.0
) -> tuple[Float64, Bool]:
    """Smooth each run of samples that is long enough; shorter ones do not change.

    Runs with uneven times are resampled to an even grid, filtered there, and interpolated back to
    the true times.

    Args:
        values: (T, C), NaN where absent.
        time_s: (T,).
        breaks: (T,) True where a sample does not continue the previous one.
        smoothing: The filter.
        unit: Unit of length for the speed of ``one_euro``, such as the body height in pixels.

    Returns:
        The values and which of them were filtered, both (T, C). ``none`` counts as filtered.
    """
    valid = np.isfinite(values)
    if smoothing.method == "none":
        return values.copy(), valid
    smoothed = values.copy()
    filtered = np.zeros(values.shape, bool)
    for rows, together in runs(valid, breaks):
        for columns in np.array_split(together, range(_AT_ONCE, len(together), _AT_ONCE)):
            at = np.ix_(np.arange(rows.start, rows.stop), columns)
            result = _smooth_run(values[at], time_s[rows], smoothing, unit)
            if result is not None:
                smoothed[at] = result
                filtered[at] = True
    return smoothed, filtered


def _smooth_run(
    values: Float64, time_s: Float64, smoothing: Smoothing, unit: float
) -> Float64 | None:
    if smoothing.method == "one_euro":
        return one_euro(
            values, time_s, cutoff_hz=smoothing.cutoff_hz, speed_gain=smoothing.speed_gain / unit
        )
    if len(values) < LEAST_SAMPLES:
        return None
    if smoothing.method == "kalman":
        return kalman(values, time_s, cutoff_hz=smoothing.cutoff_hz)
    if smoothing.method == "gcv_spline":
        return gcv_spline(values, time_s)
    interval = np.diff(time_s)
    even = bool(np.ptp(interval) <= UNIFORM_TOLERANCE * np.median(interval))
    if even:
        return _smooth_even(values, rate_hz(time_s), smoothing)
    span = time_s[-1] - time_s[0]
    count = round(span * rate_hz(time_s)) + 1
    grid = np.linspace(time_s[0], time_s[-1], count)
    result = _smooth_even(
        scipy.interpolate.CubicSpline(time_s, values)(grid), (count - 1) / span, smoothing
    )
    return (
        None if result is None else np.asarray(scipy.interpolate.CubicSpline(grid, result)(time_s))
    )


def _smooth_even(values: Float64, fps: float, smoothing: Smoothing) -> Float64 | None:
    if not _LEAST_CUTOFF * fps <= smoothing.cutoff_hz < fps / 2:  # above: the Nyquist frequency
        return None
    if smoothing.method == "butterworth":
        return butterworth(values, fps, cutoff_hz=smoothing.cutoff_hz)
    return savitzky_golay(values, fps, cutoff_hz=smoothing.cutoff_hz)


def savitzky_golay(values: Float64, fps: float, *, cutoff_hz: float) -> Float64 | None:
    """Cubic Savitzky-Golay; None if (T, C) is shorter than its window.

    Half-width from the cut-off (-3 dB) by Schafer, "What is a Savitzky-Golay filter?" (2011),
    with order 2, whose smoothing is that of order 3.
    """
    half = max(round((3 / (cutoff_hz / (fps / 2)) + 4.6) / 3.2), 2)
    if len(values) < 2 * half + 1:
        return None
    return np.asarray(scipy.signal.savgol_filter(values, 2 * half + 1, 3, axis=0))


def one_euro(values: Float64, time_s: Float64, *, cutoff_hz: float, speed_gain: float) -> Float64:
    """The 1-euro filter (Casiez, Roussel & Vogel 2012) over (T, C) without NaNs."""

    def weight(hz: Float64, interval: float) -> Float64:
        constant = 2 * np.pi * hz * interval
        return np.asarray(constant / (constant + 1))

    smoothed = values.copy()
    speed = np.zeros(values.shape[1])
    one_hz = np.ones_like(speed)
    for t in range(1, len(values)):
        interval = float(time_s[t] - time_s[t - 1])
        step = (values[t] - smoothed[t - 1]) / interval
        speed += weight(one_hz, interval) * (step - speed)
        share = weight(cutoff_hz + speed_gain * np.abs(speed), interval)
        smoothed[t] = smoothed[t - 1] + share * (values[t] - smoothed[t - 1])
    return smoothed
