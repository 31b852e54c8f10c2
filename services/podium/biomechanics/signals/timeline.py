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

LEAST_STEP_S = 1e-6
"""From a frame to the next: no camera is faster, and rates stay finite."""

PAUSE_INTERVALS = 5.0
"""A longer step, in median intervals, is a pause: nothing is interpolated across it."""

MOST_EMPTY_FRAMES = 10_000
LEAST_COVERED = 0.05
"""Every frame between the first and the last takes work, analysed or not: of a longer span than
``MOST_EMPTY_FRAMES``, this share must have been analysed."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every ``step``-th frame from the first to the last analysed one.

    It includes frames that are in no batch, so a missing frame is a gap like any other.
    """

    frame_index: Int64  # (F,) ordinal in the source, ascending
    time_s: Float64  # (F,) strictly ascending
    covered: Bool  # (F,) False: no result has this frame

    def __len__(self) -> int:
        return len(self.frame_index)


def timeline(frame_index: Int64, time_s: Float64, *, max_frames: int) -> Timeline:
    """Sort the frames, insert the missing ones, and give each a time.

    Args:
        frame_index: (N,) in any order; a frame may occur more than once.
        time_s: (N,) seconds from the start of the source.
        max_frames: Largest number of frames of the timeline.

    Raises:
        InvalidInput: times do not ascend with the frame index.
        TooLarge: the timeline would be longer than ``max_frames``, or nearly empty.
    """
    index, first = np.unique(frame_index, return_index=True)
    known_s = time_s[first]
    steps = np.diff(index)
    step = int(np.gcd.reduce(steps)) if len(steps) else 1
    span = int(index[-1] - index[0]) // step + 1 if len(index) else 0
    if span > max_frames:
        raise TooLarge(f"spans {span} frames; the limit is {max_frames}", field="results")
    if span > MOST_EMPTY_FRAMES and len(index) < LEAST_COVERED * span:
        raise TooLarge(
            f"{len(index)} frames span {span}; parts of a video that are far apart have to be "
            "processed each by itself",
            field="results",
        )
    late = np.diff(known_s) >= LEAST_STEP_S * steps
    if not late.all():
        at = int(index[1:][~late][0])
        raise InvalidInput(f"time_s of frame {at} is not after the frame before", field="results")
    full = index[0] + step * np.arange(span) if span else index
    full_s = np.interp(full, index, known_s) if span else known_s
    return Timeline(full, _without_rounding(full, full_s), np.isin(full, index))


def _without_rounding(index: Int64, time_s: Float64) -> Float64:
    """Times without rounding, if they are rounded times of a constant frame rate."""
    if len(index) < 3:
        return time_s
    ordinal = (index - index[0]).astype(float)
    slope, offset = np.polyfit(ordinal, time_s, 1)
    line: Float64 = np.round(offset + slope * ordinal, 9) + 0.0  # nanoseconds; no minus zero
    return line if np.abs(line - time_s).max() <= CLOCK_ROUNDING_S else time_s


def rate_hz(time_s: Float64) -> float:
    """The usual frame rate; 0 with fewer than two frames."""
    return float(1 / np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0


def pauses(time_s: Float64) -> Bool:
    """Samples (T,) after a pause, which do not continue the previous sample."""
    after = np.zeros(len(time_s), bool)
    if len(time_s) > 1:
        interval = np.diff(time_s)
        after[1:] = interval > PAUSE_INTERVALS * np.median(interval)
    return after


def runs(valid: Bool, breaks: Bool) -> Iterator[tuple[slice, NDArray[np.intp]]]:
    """Unbroken runs of valid samples; columns with the same run are yielded together.

    Args:
        valid: (T, C).
        breaks: (T,) True where a new run begins in any case.

    Yields:
        A slice of rows, and the columns that are valid in all of it and not just outside it.
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
