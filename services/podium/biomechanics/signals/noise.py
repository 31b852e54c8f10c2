"""Estimates the jitter of key points, and its effect on numbers calculated from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy

from podium.types import Float64

_MAD_TO_SIGMA = 1.4826
_ORDER = 5
_GAIN = np.sqrt(252.0)  # of fifth differences: 1 + 25 + 100 + 100 + 25 + 1
REPETITIONS = 24
LASTS_S = 0.03
"""Errors of a pose model last: as white noise does after a Gaussian filter of this width."""


def jitter(values: Float64) -> float:
    """Standard deviation of the white noise on a smooth signal (T,); NaN if unknown.

    From the median absolute deviation of fifth differences, which are nearly 0 in a movement.
    """
    differences = np.diff(values, _ORDER)
    known = differences[np.isfinite(differences)]
    if len(known) < 5:
        return float("nan")
    return float(_MAD_TO_SIGMA * np.median(np.abs(known)) / _GAIN)


def jitters(values: Float64) -> Float64:
    """The jitter of every column of (T, C); 0 where it is unknown."""
    return np.array([np.nan_to_num(jitter(column)) for column in values.T])


def noisy(values: Float64, sd: Float64, repetition: int) -> Float64:
    """Add white noise with standard deviations (C,) to values (T, C).

    The noise of a repetition is always the same, so that results are reproducible.
    """
    noise = np.random.default_rng(repetition).normal(0.0, 1.0, values.shape)
    noise *= sd
    noise += values
    return noise


def lasting(shape: tuple[int, int], rate_hz: float, repetition: int) -> Float64:
    """Errors (T, C) with unit variance that last for some frames, alike at each call."""
    width = LASTS_S * rate_hz
    margin = int(np.ceil(4 * width))
    random = np.random.default_rng((repetition, 1))
    white = random.normal(0.0, 1.0, (shape[0] + 2 * margin, shape[1]))
    smoothed = scipy.ndimage.gaussian_filter1d(white, width, axis=0)[margin : margin + shape[0]]
    return np.asarray(smoothed * np.sqrt(2 * np.sqrt(np.pi) * width))


def common_errors(count: int) -> Float64:
    """Errors common to all samples of a repetition: (REPETITIONS, count) with unit variance.

    Every column has the same quantiles of the normal distribution, in its own order, because few
    random draws would not have the right spread. What columns have in common by chance is taken
    out, so that differences of errors have the right spread, too.
    """
    random = np.random.default_rng(0)
    quantiles = scipy.special.ndtri((np.arange(REPETITIONS) + 0.5) / REPETITIONS)
    quantiles /= np.std(quantiles)
    columns = np.stack([random.permutation(quantiles) for _ in range(count)], axis=1)
    common = np.linalg.cholesky(columns.T @ columns / REPETITIONS)
    return np.asarray(np.linalg.solve(common, columns.T).T)


def spread(
    signals: Float64,
    sd: Float64,
    estimate: Callable[[Float64], Sequence[float]],
    *,
    relative_sd: float = 0.0,
) -> Float64:
    """Standard uncertainty of estimates: their change when noise is added to the signals.

    A parametric bootstrap (Efron & Tibshirani 1993). The root mean square of the changes includes
    scatter and bias: for example, the maximum of noisy values is too high.

    Args:
        signals: (T, C), in any unit.
        sd: (C,) standard deviation of their noise.
        estimate: Calculates numbers from signals; NaN for an unknown number.
        relative_sd: Standard uncertainty of a factor common to all signals, such as a scale.

    Returns:
        One uncertainty per number; NaN where fewer than half of the repetitions have the number.
    """
    factors = 1 + relative_sd * common_errors(1)[:, 0]
    repeated = [
        estimate(noisy(signals, sd, number) * factor) for number, factor in enumerate(factors)
    ]
    return deviation(repeated, estimate(signals))


def bias_and_spread(
    signals: Float64, sd: Float64, estimate: Callable[[Float64], Sequence[float]]
) -> tuple[Float64, Float64]:
    """What noise adds to estimates on average, and the standard uncertainty of ``spread``.

    A value less its bias is the bias-corrected estimate of Efron & Tibshirani 1993, chapter 10. The
    uncertainty still contains the bias, because signals that are not free of noise show only a part
    of it.

    Args:
        signals: (T, C), in any unit.
        sd: (C,) standard deviation of their noise.
        estimate: Calculates numbers from signals.

    Returns:
        The mean and the root mean square of the changes, one per number.
    """
    values = estimate(signals)
    repeated = [estimate(noisy(signals, sd, number)) for number in range(REPETITIONS)]
    return np.mean(repeated, axis=0) - values, deviation(repeated, values)


def deviation(repeated: Sequence[Sequence[float]], values: Sequence[float]) -> Float64:
    """Root mean square deviation of repeated numbers from the values; NaN if most are unknown."""
    if not len(repeated):
        return np.full(len(values), np.nan)
    changes = np.array(repeated) - np.array(values)
    count = np.isfinite(changes).sum(axis=0)
    square = np.nansum(changes**2, axis=0) / np.maximum(count, 1)
    return np.asarray(np.where(count >= len(repeated) / 2, np.sqrt(square), np.nan))
