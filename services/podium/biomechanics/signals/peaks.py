"""Finds times of peaks and crossings in signals, between the samples."""

from __future__ import annotations

import numpy as np

from podium.biomechanics.signals.butterworth import butterworth
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64, Int64

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
    """Rows of peaks of (T,), and of their feet: the lowest values on either side.

    The feet are sought in a window around the peak, up to where the values are higher than the
    peak. Peaks and feet are those of ``scipy.signal.find_peaks``, whose import takes longer than
    most analyses.

    Args:
        values: (T,).
        time_s: (T,).
        prominence: Least height above the higher foot.
        within_s: Length of the window. Without it each peak of a signal that rises throughout is
            compared with all before.
        distance: Least distance in frames; of two closer peaks the lower one is left out.
    """
    frames = int(np.clip(round(within_s * rate_hz(time_s)), *WINDOW_FRAMES))
    found = []
    for peak in _apart(values, _tops(values), distance).tolist():
        left = peak - _foot(values[max(peak - frames // 2, 0) : peak + 1][::-1])
        right = peak + _foot(values[peak : peak + frames // 2 + 1])
        if values[peak] - max(values[left], values[right]) >= prominence:
            found.append((peak, left, right))
    return found


def _tops(values: Float64) -> Int64:
    """Rows of (T,) that are higher than both neighbours; the middle of plateaus."""
    if len(values) < 3:
        return np.zeros(0, np.int64)
    ends = np.flatnonzero(np.diff(values) != 0)
    first, last = np.append(0, ends + 1), np.append(ends, len(values) - 1)
    level = values[first]
    high = np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] > level[2:])) + 1
    return np.asarray((first[high] + last[high]) // 2, np.int64)


def _apart(values: Float64, peaks: Int64, distance: int) -> Int64:
    """The peaks without those that are too close to a higher one."""
    keep = np.ones(len(peaks), bool)
    if distance > 1:
        for at in np.argsort(values[peaks])[::-1]:
            if keep[at]:
                keep[np.abs(peaks - peaks[at]) < distance] = False
                keep[at] = True
    return peaks[keep]


def _foot(values: Float64) -> int:
    """The lowest of the values that come before one that is higher than the first."""
    higher = ~(values <= values[0])
    stop = int(np.argmax(higher)) if higher.any() else len(values)
    return int(np.argmin(values[:stop]))


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
