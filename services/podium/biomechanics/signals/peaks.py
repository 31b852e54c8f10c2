"""Finds times of peaks and crossings in signals, between the samples."""

from __future__ import annotations

import warnings

import numpy as np
import scipy

from podium.biomechanics.signals.filters import butterworth
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

WINDOW_FRAMES = (1_000, 20_000)
"""Fewest and most frames of a window; a shorter clip is one window."""


def low_pass(values: Float64, fps: float, cutoff_hz: float) -> Float64:
    """Zero-phase low-pass of (T,) or (T, C); cut-offs above a quarter of the rate are lowered."""
    columns = values.reshape(len(values), -1)
    smoothed = butterworth(columns, fps, cutoff_hz=min(cutoff_hz, fps / 4))
    return values if smoothed is None else smoothed.reshape(values.shape)


def peak_time_s(values: Float64, time_s: Float64, at: int) -> float:
    """Time of the vertex of the parabola through a peak of (T,) and its two neighbours."""
    if not 0 < at < len(values) - 1:
        return float(time_s[at])
    before, top, after = values[at - 1 : at + 2]
    bend = before - 2 * top + after
    offset = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(time_s[at] + np.clip(offset, -0.5, 0.5) * (time_s[at + 1] - time_s[at - 1]) / 2)


def peak_times_s(
    values: Float64, time_s: Float64, *, prominence: float, within_s: float
) -> list[float]:
    """Times of all peaks of (T,) with at least this prominence in a window of this length."""
    peaks = prominent_peaks(values, time_s, prominence=prominence, within_s=within_s)
    return [peak_time_s(values, time_s, at) for at, _, _ in peaks]


def prominent_peaks(
    values: Float64, time_s: Float64, *, prominence: float, within_s: float, distance: int = 1
) -> list[tuple[int, int, int]]:
    """Rows of peaks and of their feet on either side, by ``scipy.signal.find_peaks`` in a window.

    Without a window each peak of a signal that rises throughout is compared with all before.
    """
    frames = int(np.clip(round(within_s * rate_hz(time_s)), *WINDOW_FRAMES))
    with warnings.catch_warnings():
        # A plateau as wide as the window has no foot in it, and is no peak.
        warnings.simplefilter("ignore", RuntimeWarning)
        peaks, around = scipy.signal.find_peaks(
            values, prominence=prominence, distance=distance, wlen=frames
        )
    bases = around["left_bases"], around["right_bases"]
    return list(zip(peaks.tolist(), *(base.tolist() for base in bases), strict=True))


def rising_time_s(
    values: Float64, time_s: Float64, level: float, *, start: int, stop: int
) -> float:
    """The last time in rows start..stop at which (T,) rises through a level; NaN if none."""
    above = values[start:stop] > level
    crossings = np.flatnonzero(~above[:-1] & above[1:])
    if not len(crossings):
        return float("nan")
    at = start + int(crossings[-1])
    part = (level - values[at]) / (values[at + 1] - values[at])
    return float(time_s[at] + part * (time_s[at + 1] - time_s[at]))
