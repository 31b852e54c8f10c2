"""Finds times of peaks and crossings in signals, between the samples."""

from __future__ import annotations

import numpy as np
import scipy

from podium.biomechanics.signals.filters import butterworth
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

MOST_WINDOW_FRAMES = 20_000


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
    window = window_frames(within_s, time_s)
    peaks, _ = scipy.signal.find_peaks(values, prominence=prominence, wlen=window)
    return [peak_time_s(values, time_s, int(at)) for at in peaks]


def window_frames(seconds: float, time_s: Float64) -> int:
    """Frames of a window in which to look for the foot of a peak, at least three.

    Without a window each peak of a signal that rises throughout would be compared with all before.
    """
    return int(np.clip(round(seconds * rate_hz(time_s)), 3, MOST_WINDOW_FRAMES))


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
