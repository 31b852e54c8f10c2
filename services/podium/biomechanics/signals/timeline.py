"""The frames of a clip as one regular sequence with true times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.errors import InvalidInput, TooLarge
from podium.types import Bool, Float64, Int64

CLOCK_ROUNDING_S = 0.001
"""Containers may round times to a millisecond (Matroska does)."""

PAUSE_INTERVALS = 5.0
"""A step of more than this many usual intervals is a pause: nothing is carried across it."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every ``step``-th frame from the first to the last one that was analysed.

    Frames that no batch covers are in it too, so a missing frame is a gap like any other.
    """

    frame_index: Int64  # (F,) ordinal in the source, ascending
    time_s: Float64  # (F,) strictly ascending
    covered: Bool  # (F,) False: no result speaks of this frame

    def __len__(self) -> int:
        return len(self.frame_index)


def timeline(frame_index: Int64, time_s: Float64, *, max_frames: int) -> Timeline:
    """Order the frames, put in the missing ones, and give each a time.

    Args:
        frame_index: (N,) in any order; a frame may occur more than once.
        time_s: (N,) seconds from the start of the source.
        max_frames: The most frames that the timeline may have.

    Raises:
        InvalidInput: times do not grow with the frame index.
        TooLarge: the timeline would be longer than ``max_frames``.
    """
    index, first = np.unique(frame_index, return_index=True)
    known_s = time_s[first]
    if np.any(np.diff(known_s) <= 0):
        at = int(index[1:][np.diff(known_s) <= 0][0])
        raise InvalidInput(f"time_s of frame {at} is not after the frame before", field="results")
    steps = np.diff(index)
    step = int(np.gcd.reduce(steps)) if len(steps) else 1
    span = int(index[-1] - index[0]) // step + 1 if len(index) else 0
    if span > max_frames:
        raise TooLarge(f"spans {span} frames; the limit is {max_frames}", field="results")
    full = index[0] + step * np.arange(span) if span else index
    full_s = np.interp(full, index, known_s) if span else known_s
    return Timeline(full, _without_rounding(full, full_s), np.isin(full, index))


def _without_rounding(index: Int64, time_s: Float64) -> Float64:
    """Times of a constant frame rate that were rounded, put back on their straight line."""
    if len(index) < 3:
        return time_s
    ordinal = (index - index[0]).astype(float)
    slope, offset = np.polyfit(ordinal, time_s, 1)
    line: Float64 = np.round(offset + slope * ordinal, 9) + 0.0  # nanoseconds; no minus zero
    return line if np.abs(line - time_s).max() <= CLOCK_ROUNDING_S else time_s


def rate_hz(time_s: Float64) -> float:
    """The usual frame rate; 0 where there are fewer than two frames."""
    return float(1 / np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0


def pauses(time_s: Float64) -> Bool:
    """Where a sample (T,) comes so long after the one before that they do not belong together."""
    after = np.zeros(len(time_s), bool)
    if len(time_s) > 1:
        interval = np.diff(time_s)
        after[1:] = interval > PAUSE_INTERVALS * np.median(interval)
    return after


def runs(valid: Bool, breaks: Bool) -> Iterator[tuple[slice, NDArray[np.intp]]]:
    """Unbroken runs of valid samples; columns that share a run come together.

    Args:
        valid: (T, C).
        breaks: (T,) True where a new run begins whatever the samples say.

    Yields:
        A slice of rows and the columns that are valid throughout it and not beside it.
    """
    starts = valid.copy()
    starts[1:] &= ~valid[:-1] | breaks[1:, None]
    stops = valid.copy()
    stops[:-1] &= ~valid[1:] | breaks[1:, None]
    columns, first = np.nonzero(starts.T)
    _, last = np.nonzero(stops.T)
    together: dict[tuple[int, int], list[int]] = {}
    for column, start, stop in zip(columns.tolist(), first.tolist(), last.tolist(), strict=True):
        together.setdefault((start, stop + 1), []).append(column)
    for (start, stop), members in together.items():
        yield slice(start, stop), np.array(members, np.intp)
