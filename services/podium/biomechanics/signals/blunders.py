"""Finds key points that are off the way between those before and after: blunders of a pose model.

For some frames a pose model may take one leg for the other, or put both between the two. Around
them the body moves on. In fast motion the medians of ``gaps.outliers`` do not see that, since all
samples of a foot in swing are far from their median.
"""

from __future__ import annotations

import numpy as np

from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Bool, Float64, Int64

MARGIN = 0.05
"""Distance that the noise of key points explains, in body lengths."""

BENDS = 100.0
"""Half of the greatest acceleration of any joint, in body lengths/s^2: 350 m/s^2."""

LONGEST_S = 0.04
"""Longest blunder; what lasts longer may be motion. A single frame may always be one."""

_LONGEST_GAP_S = 0.2
"""Nothing is said about samples whose neighbours are farther apart."""

_ROUNDS = 8  # after which the search ends


def blunders(points: Float64, time_s: Float64, breaks: Bool) -> Bool:
    """Samples that are off the way between their neighbours by more than any motion explains.

    Of overlapping ones the farthest goes first, because it makes its neighbours look wrong.

    Args:
        points: (T, J, D) in body lengths, NaN where absent.
        time_s: (T,).
        breaks: (T,) True where a sample does not continue the previous one.

    Returns:
        (T, J) True for blunders.
    """
    found = np.zeros(points.shape[:2], bool)
    part = np.cumsum(breaks, dtype=np.int64)
    longest = max(1, int(LONGEST_S * rate_hz(time_s) + 1e-6))
    for joint in range(points.shape[1]):
        rows = np.flatnonzero(np.isfinite(points[:, joint]).all(axis=1))
        for _ in range(_ROUNDS):
            wrong = _wrong(points[rows, joint], time_s[rows], part[rows], longest)
            if not len(wrong):
                break
            found[rows[wrong], joint] = True
            rows = np.delete(rows, wrong)
    return found


def _wrong(places: Float64, time_s: Float64, part: Int64, longest: int) -> Int64:
    """The rows, of the N known samples of a joint, of the groups that are off farthest.

    Groups that touch a group that is off farther wait.
    """
    lengths = range(1, min(longest, len(places) - 2) + 1)
    groups = {length: _off(places, time_s, part, length) for length in lengths}
    farthest = np.full(len(places), MARGIN)
    for length, off in groups.items():
        for k in range(length + 2):  # with the neighbours on either side
            touched = farthest[k : k + len(off)]
            np.maximum(touched, off, out=touched)
    wrong = np.zeros(len(places), bool)
    for length, off in groups.items():
        first = off > MARGIN
        for k in range(length + 2):
            first &= off >= farthest[k : k + len(off)]
        for k in range(1, length + 1):
            wrong[k : k + len(off)] |= first
    return np.flatnonzero(wrong)


def _off(places: Float64, time_s: Float64, part: Int64, length: int) -> Float64:
    """How far each group of consecutive samples is off, less what a bend of the way explains.

    It is the least over the group, (N - length - 1,); the group begins at the second sample.
    """
    count = len(places) - length - 1
    start_s, end_s = time_s[:count], time_s[length + 1 :]
    off = np.full(count, np.inf)
    for k in range(1, length + 1):
        since_s, until_s = time_s[k : k + count] - start_s, end_s - time_s[k : k + count]
        share = (since_s / (end_s - start_s))[:, None]
        between = (1 - share) * places[:count] + share * places[length + 1 :]
        distance = np.linalg.norm(places[k : k + count] - between, axis=1)
        off = np.minimum(off, distance - BENDS * since_s * until_s)
    together = (part[:count] == part[length + 1 :]) & (end_s - start_s <= _LONGEST_GAP_S)
    return np.where(together, off, 0.0)
