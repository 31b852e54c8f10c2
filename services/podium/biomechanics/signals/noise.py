"""How much key points jitter, and what that does to numbers found from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

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


def spread(
    signals: Sequence[Float64], estimate: Callable[[Sequence[Float64]], Sequence[float]]
) -> Float64:
    """Standard deviation of estimates when the signals get their own jitter once more.

    A parametric bootstrap (Efron & Tibshirani 1993) with a fixed seed: the same clip gives the
    same uncertainties.

    Args:
        signals: Each (T,), in any unit.
        estimate: From such signals to numbers; NaN for a number that it does not find.

    Returns:
        One standard deviation for each number; NaN where fewer than half of the repetitions
        find it.
    """
    random = np.random.default_rng(0)
    sizes = [np.nan_to_num(jitter(signal)) for signal in signals]
    found = np.array(
        [
            estimate(
                [
                    signal + random.normal(0.0, 1.0, len(signal)) * size
                    for signal, size in zip(signals, sizes, strict=True)
                ]
            )
            for _ in range(REPETITIONS)
        ]
    )
    count = np.isfinite(found).sum(axis=0)
    mean = np.nansum(found, axis=0) / np.maximum(count, 1)
    variance = np.nansum((found - mean) ** 2, axis=0) / np.maximum(count - 1, 1)
    return np.asarray(np.where(count >= REPETITIONS / 2, np.sqrt(variance), np.nan))
