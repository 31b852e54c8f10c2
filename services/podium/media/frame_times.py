"""Makes a strictly increasing sequence of the time stamps of a container."""

from __future__ import annotations

import numpy as np

from podium.types import Float64, Int64


def filled(times: list[int | None]) -> Int64:
    """Fill missing times: a packet without one is one unit after its predecessor."""
    known: list[int] = []
    for time in times:
        known.append(time if time is not None else (known[-1] + 1 if known else 0))
    return np.array(known, np.int64)


def joins(dts: Int64) -> Int64:
    """Offsets to add to times, for joined recordings whose clock starts again."""
    steps = np.diff(dts, prepend=dts[:1])
    usual = int(np.median(steps[steps > 0])) if (steps > 0).any() else 0
    return np.cumsum(np.where(steps < 0, usual - steps, 0))


def spread(times: Int64) -> tuple[Float64, int]:
    """Spread equal times of frames evenly up to the next later time.

    A recorder that loses clock ticks gives several frames the same time. After the last later time
    the usual step is used.

    Returns:
        Strictly ascending times, and the number of frames that had the time of the frame before.
    """
    shown = times.astype(float)
    new = np.diff(times, prepend=times[:1] - 1) > 0
    if new.all():
        return shown, 0
    starts = np.flatnonzero(new)
    counts = np.diff(starts, append=len(times))
    steps = np.diff(times[starts])
    usual = float(np.median(steps / counts[:-1])) if len(steps) else 1.0
    spans = np.append(steps, usual * counts[-1])
    place = np.arange(len(times)) - np.repeat(starts, counts)
    return shown + place * np.repeat(spans / counts, counts), int((~new).sum())


def usual_rate(time_s: Float64) -> float:
    """Frames per second, ignoring gaps; 0 for a single frame.

    From the mean of the steps near the median: a single step may be rounded to a millisecond.
    """
    steps = np.diff(time_s)
    if not len(steps):
        return 0.0
    usual = np.median(steps)
    near = steps[np.abs(steps - usual) <= usual / 2]  # none where the median lies between two
    return float(1 / (near.mean() if len(near) else usual))
