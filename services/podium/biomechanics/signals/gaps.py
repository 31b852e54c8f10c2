"""Finds outliers and fills short gaps."""

from __future__ import annotations

import numpy as np

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
        filled[inside, column] = pchip(time_s[known], values[known, column], time_s[inside])
    return filled, missing & np.isfinite(filled)


def pchip(x: Float64, y: Float64, at: Float64) -> Float64:
    """Shape-preserving cubic interpolation of samples (N,), N > 1, at places between them.

    The values of ``scipy.interpolate.PchipInterpolator``, whose import brings a third of SciPy.
    """
    width = np.diff(x)
    rise = np.diff(y) / width
    slope = _slopes(width, rise)
    piece = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(width) - 1)
    bend = (slope[:-1] + slope[1:] - 2 * rise) / width
    curve = (rise - slope[:-1]) / width - bend
    off = at - x[piece]
    cubic = (bend / width)[piece]
    return np.asarray(y[piece] + off * (slope[piece] + off * (curve[piece] + off * cubic)))


def _slopes(width: Float64, rise: Float64) -> Float64:
    """Slopes (N,) at the samples: 0 at extrema, else weighted harmonic means of both sides."""
    if len(rise) == 1:
        return np.repeat(rise, 2)
    slope = np.zeros(len(rise) + 1)
    goes_on = rise[:-1] * rise[1:] > 0
    before, after = rise[:-1][goes_on], rise[1:][goes_on]
    first = (2 * width[1:] + width[:-1])[goes_on]
    second = (width[1:] + 2 * width[:-1])[goes_on]
    slope[1:-1][goes_on] = (first + second) / (first / before + second / after)
    slope[0] = _slope_at_end(width[0], width[1], rise[0], rise[1])
    slope[-1] = _slope_at_end(width[-1], width[-2], rise[-1], rise[-2])
    return slope


def _slope_at_end(width: float, next_width: float, rise: float, next_rise: float) -> float:
    """That of the parabola through three samples, as far as it does not overshoot."""
    slope = ((2 * width + next_width) * rise - width * next_rise) / (width + next_width)
    if slope * rise <= 0:
        return 0.0
    return 3 * rise if rise * next_rise < 0 and abs(slope) > 3 * abs(rise) else slope
