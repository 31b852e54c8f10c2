"""How much key points jitter, and what that does to numbers found from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy

from podium.types import Float64

_MAD_TO_SIGMA = 1.4826
_ORDER = 5
_GAIN = np.sqrt(252.0)  # of fifth differences: 1 + 25 + 100 + 100 + 25 + 1
REPETITIONS = 24


def jitter(values: Float64) -> float:
    """Standard deviation of the white noise on a smooth signal (T,); NaN where it is unknown.

    From fifth differences, which a movement hardly has, by their median absolute deviation.
    """
    differences = np.diff(values, _ORDER)
    known = differences[np.isfinite(differences)]
    if len(known) < 5:
        return float("nan")
    return float(_MAD_TO_SIGMA * np.median(np.abs(known)) / _GAIN)


def jitters(values: Float64) -> Float64:
    """Of every column of (T, C); 0 where it is unknown."""
    return np.array([np.nan_to_num(jitter(column)) for column in values.T])


def noisy(values: Float64, sd: Float64, repetition: int) -> Float64:
    """Values (T, C) with white noise of the standard deviations (C,).

    A repetition has the same noise every time, so that one clip gives one uncertainty.
    """
    random = np.random.default_rng(repetition)
    return np.asarray(values + random.normal(0.0, 1.0, values.shape) * sd)


def common_errors(count: int) -> Float64:
    """Errors that all samples of a repetition share: (REPETITIONS, count) of unit variance.

    The same quantiles of the normal distribution in every column, each column in an order of its
    own: so few draws have the right spread.
    """
    random = np.random.default_rng(0)
    quantiles = scipy.stats.norm.ppf((np.arange(REPETITIONS) + 0.5) / REPETITIONS)
    quantiles /= np.std(quantiles)
    return np.stack([random.permutation(quantiles) for _ in range(count)], axis=1)


def spread(
    signals: Float64,
    sd: Float64,
    estimate: Callable[[Float64], Sequence[float]],
    *,
    relative_sd: float = 0.0,
) -> Float64:
    """Standard uncertainty of estimates: how they change when the signals get noise once more.

    A parametric bootstrap (Efron & Tibshirani 1993). The root mean square of the changes counts
    what noise scatters and what it shifts alike: the highest of noisy values is too high.

    Args:
        signals: (T, C), in any unit.
        sd: (C,) of the noise on them.
        estimate: From such signals to numbers; NaN for a number that it does not find.
        relative_sd: Standard uncertainty of a factor that all signals share, such as a scale.

    Returns:
        One for each number; NaN where fewer than half of the repetitions find it.
    """
    factors = 1 + relative_sd * common_errors(1)[:, 0]
    repeated = [
        estimate(noisy(signals, sd, number) * factor) for number, factor in enumerate(factors)
    ]
    return deviation(repeated, estimate(signals))


def deviation(repeated: Sequence[Sequence[float]], values: Sequence[float]) -> Float64:
    """Root mean square of repeated numbers about the values; NaN where most of them are unknown."""
    if not len(repeated):
        return np.full(len(values), np.nan)
    changes = np.array(repeated) - np.array(values)
    count = np.isfinite(changes).sum(axis=0)
    square = np.nansum(changes**2, axis=0) / np.maximum(count, 1)
    return np.asarray(np.where(count >= len(repeated) / 2, np.sqrt(square), np.nan))
