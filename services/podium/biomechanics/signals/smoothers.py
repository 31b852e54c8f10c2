"""Smoothers that fit a motion to all samples of a run, at any frame times."""

from __future__ import annotations

import numpy as np
import scipy

from podium.types import Float64

LEAST_SAMPLES = 5
"""Fewer say nothing about what is noise; nor can SciPy fit a spline to them."""

_SPLINE_UNIT_S = 0.1
"""SciPy looks for the weight of the curvature between 0 and the number of samples. With times in
this unit the weights for cut-offs of 1.5 to 20 Hz lie there."""

_UNKNOWN = 1e12
"""Variance of the state before the first sample, relative to that of a sample."""


def kalman(values: Float64, time_s: Float64, *, cutoff_hz: float) -> Float64:
    """Kalman smoother with two passes (Rauch et al. 1965) over (T, C) without NaNs.

    The acceleration changes by white noise, whose power halves the amplitude at ``cutoff_hz``: the
    response is 1 / (1 + (f / cutoff)^6), that of a quintic smoothing spline.
    """
    interval_s = np.diff(time_s, prepend=time_s[:1])
    power = float(np.median(interval_s[1:])) * (2 * np.pi * cutoff_hz) ** 6
    count = len(values)
    states = np.zeros((count, 3, values.shape[1]))  # position, velocity, acceleration
    spread = np.zeros((count, 3, 3))
    state, doubt = np.zeros_like(states[0]), _UNKNOWN * np.eye(3)
    expected, expected_spread = states.copy(), spread.copy()
    for t in range(count):
        step, drift = _step(float(interval_s[t]), power)
        state, doubt = step @ state, step @ doubt @ step.T + drift
        expected[t], expected_spread[t] = state, doubt
        gain = doubt[:, :1] / (doubt[0, 0] + 1)
        state = state + gain * (values[t] - state[0])
        kept = np.eye(3) - gain * [1.0, 0.0, 0.0]
        doubt = kept @ doubt @ kept.T + gain @ gain.T
        states[t], spread[t] = state, doubt
    for t in range(count - 2, -1, -1):
        step, _ = _step(float(interval_s[t + 1]), power)
        back = np.linalg.solve(expected_spread[t + 1], step @ spread[t]).T
        states[t] += back @ (states[t + 1] - expected[t + 1])
    return states[:, 0]


def _step(interval_s: float, power: float) -> tuple[Float64, Float64]:
    """Motion over an interval, and the covariance that the noise adds in it."""
    d = interval_s
    step = np.array([[1, d, d**2 / 2], [0, 1, d], [0, 0, 1]])
    drift = np.array(
        [[d**5 / 20, d**4 / 8, d**3 / 6], [d**4 / 8, d**3 / 3, d**2 / 2], [d**3 / 6, d**2 / 2, d]]
    )
    return step, power * drift


def gcv_spline(values: Float64, time_s: Float64) -> Float64:
    """Cubic smoothing spline by generalised cross-validation (Craven & Wahba 1978; Woltring 1986).

    The smoothing of each column of (T, C) follows from its noise, which must be white; a column in
    which none is found stays as it is.
    """
    times = time_s / _SPLINE_UNIT_S
    return np.stack([_gcv_column(times, column) for column in values.T], axis=1)


def _gcv_column(times: Float64, column: Float64) -> Float64:
    try:
        return np.asarray(scipy.interpolate.make_smoothing_spline(times, column)(times))
    except ValueError:  # the criterion has no minimum
        return column
