"""Paths of persons, and how well one continues another.

The rule by which persons keep their identity over chunks of a request, and over batches of a clip:
the path before and the path after must agree in place and velocity, not only in place. So two who
cross on the border are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.types import Float64

MAX_OFF = 0.5
"""Largest distance of a path from the prediction, in sizes of the person."""

FORGETS_S = 1.0
"""Time after which a path is no longer predicted."""

MOTION_S = 0.25
"""Part of a path over which motion is measured."""

_AHEAD_S = 0.3  # time ahead over which paths are compared


@dataclass(frozen=True, slots=True)
class Way:
    """The path of one person over some consecutive frames."""

    time_s: Float64  # (N,) ascending
    centers: Float64  # (N, 2) pixels
    size_px: float  # diagonal of the person


def off(before: Way, after: Way) -> float:
    """Distance of a path from the extension of an earlier one, in sizes.

    Returns:
        The mean of the distances at the beginning of the later path and 0.3 s on; infinite if one
        of them has no motion, if they overlap in time, or if they are a second apart.
    """
    gone_s = float(after.time_s[0] - before.time_s[-1])
    if not 0 <= gone_s <= FORGETS_S:
        return np.inf
    end_s, start_s = before.time_s[-1] - MOTION_S, after.time_s[0] + MOTION_S
    late = slice(int(np.searchsorted(before.time_s, end_s)), None)
    early = slice(0, int(np.searchsorted(after.time_s, start_s, side="right")))
    lines = []
    for way, part in ((before, late), (after, early)):
        time_s, places = way.time_s[part], way.centers[part]
        if np.ptp(time_s) <= 0:
            return np.inf
        lines.append(_line(time_s, places))
    moments = float(after.time_s[0]) + np.array([0, _AHEAD_S])
    distance = np.linalg.norm(_at(lines[0], moments) - _at(lines[1], moments), axis=1)
    return float(distance.mean() / max(after.size_px, 1.0))


def _line(time_s: Float64, places: Float64) -> tuple[Float64, Float64, float]:
    """Velocity (2,) and mean (2,) of places (N, 2), and their mean time, by least squares."""
    middle_s = float(time_s.mean())
    around = (time_s - middle_s)[:, None]
    motion = (around * places).sum(axis=0) / np.maximum((around**2).sum(), 1e-12)
    return np.asarray(motion), np.asarray(places.mean(axis=0)), middle_s


def _at(line: tuple[Float64, Float64, float], time_s: Float64) -> Float64:
    motion, middle, middle_s = line
    return np.asarray(middle + motion * (time_s - middle_s)[:, None])
