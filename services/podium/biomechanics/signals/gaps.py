"""Finds outliers and fills short gaps."""

from __future__ import annotations

import numpy as np
import scipy

from podium.types import Bool, Float64

_MAD_TO_SIGMA = 1.4826
_ROWS_AT_ONCE = 1024
"""Long clips are searched in parts, as neighbourhoods take several times the window's memory."""


def outliers(values: Float64, *, window: int = 7, sigmas: float = 3.0) -> Bool:
    """Samples far from the median of their neighbourhood (Hampel identifier).

    Source: Pearson et al., "Generalized Hampel filters" (2016). The spread is 1.4826 times the
    median absolute deviation. NaN samples are ignored. A sample is only tested with two known
    neighbours on each side, since the begin or end of a fast movement looks like an outlier from
    one side.

    Args:
        values: (T, C), NaN where absent.
        window: Odd number of samples.
        sigmas: Largest distance, in spreads.

    Returns:
        (T, C) True for outliers.
    """
    half = window // 2
    padded = np.pad(values, ((half, half), (0, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)
    found = np.zeros(values.shape, bool)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        found[part] = _far(values[part], windows[part], sigmas)
    return found


def _far(values: Float64, near: Float64, sigmas: float) -> Bool:
    """Values (T, C) far from the median of their neighbourhoods (T, C, window)."""
    half = near.shape[-1] // 2
    middle = _median(near)
    spread = _MAD_TO_SIGMA * _median(np.abs(near - middle[..., None]))
    votes = np.isfinite(near)
    judged = (votes[..., :half].sum(axis=-1) >= 2) & (votes[..., half + 1 :].sum(axis=-1) >= 2)
    return np.asarray((np.abs(values - middle) > sigmas * spread) & judged)


def _median(values: Float64) -> Float64:
    """Median over the last axis without NaNs; NaN if there is nothing else."""
    ordered = np.sort(values, axis=-1)  # NaNs go last
    count = np.isfinite(values).sum(axis=-1)
    low = np.maximum((count - 1) // 2, 0)[..., None]
    high = np.minimum(count // 2, values.shape[-1] - 1)[..., None]
    pair = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)
    return np.asarray(pair[..., 0] / 2)


def fill_gaps(
    values: Float64, time_s: Float64, breaks: Bool, *, max_frames: int
) -> tuple[Float64, Bool]:
    """Interpolate gaps of up to ``max_frames`` samples; longer ones and the ends stay NaN.

    Shape-preserving cubic interpolation over true times (Fritsch & Carlson 1980), which does not
    overshoot.

    Args:
        values: (T, C), NaN where absent.
        time_s: (T,).
        breaks: (T,) True where a sample does not continue the previous one.
        max_frames: Longest gap to fill; 0: fill nothing.

    Returns:
        The values and which of them were filled, both (T, C).
    """
    filled = values.copy()
    missing = np.isnan(values)
    for column in np.flatnonzero(missing.any(axis=0)):
        known = np.flatnonzero(~missing[:, column])
        gap = np.diff(known) - 1
        short = np.flatnonzero((gap > 0) & (gap <= max_frames))
        rows = [
            np.arange(start, stop)
            for start, stop in zip(known[short] + 1, known[short + 1], strict=True)
            if not breaks[start : stop + 1].any()
        ]
        if not rows:
            continue
        inside = np.concatenate(rows)
        curve = scipy.interpolate.PchipInterpolator(time_s[known], values[known, column])
        filled[inside, column] = curve(time_s[inside])
    return filled, missing & np.isfinite(filled)
