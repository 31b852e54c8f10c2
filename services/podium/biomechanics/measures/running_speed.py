"""The speed of a run: the hips' movement in half a second, if a single camera can measure it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.body.view import shoulder_ratio
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.joints import NO_SCALE
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.noise import REPETITIONS, jitter, noisy
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Bool, Float64, Int64

OBLIQUE = "not seen from the side: a part of the way is towards the camera or away from it"

_WINDOW_S = 0.5
_MOST_STARTS = 500
"""Windows begin at most this often within the length of one, so that work grows with the clip."""
_LONGEST_HOLE_S = 0.1

SQUARE_RATIO = 0.33
"""Ratio of shoulder width to trunk length from which a run is not across the view: about 27 degrees
off, where a tenth of the speed is lost."""

_DOWN = 0.2
"""A foot in this lowest share of its range is taken to be on the ground."""

_SLIDES = 0.5
"""Feet slide if their speed on the ground, relative to their speed past the hips, is above this. It
is about 0 with a static camera, and 1 with one that follows or on a treadmill."""


_ON_THE_SPOT = 0.25
"""Range of the hips along the picture, in heights, below which nobody has run: in squats and jumps
they sway by a tenth to a fifth."""


@measured(order=29)
def running_speed(movement: Movement) -> Iterator[Measure]:
    """Horizontal speed of the hips over half a second, in m/s."""
    analysis = movement.analysis
    found = _fastest(analysis)
    reason = _why_not(analysis)
    m_per_px = analysis.scale.m_per_px
    if found is None:
        reason = reason or "seen for less than half a second without a gap"
    elif m_per_px is None:
        reason = reason or NO_SCALE
    value = sd = None
    if found is not None and m_per_px is not None and not reason:
        value = found.px_s * m_per_px
        sd = float(np.hypot(found.sd_px_s * m_per_px, value * analysis.scale.relative_sd))
    yield Measure(
        name="running_speed_m_s",
        label="Speed",
        unit="m/s",
        method="Horizontal speed of the middle of the hips by least squares over 0.5 s, the "
        "fastest of the clip, less what the noise of the key points adds to it (Efron & "
        "Tibshirani 1993).",
        value=value,
        sd=sd,
        n=None if value is None or found is None else found.frames,
        reason=reason,
        digits=2,
        shown="first",
    )


@dataclass(frozen=True, slots=True)
class _Fastest:
    """The fastest half second."""

    px_s: float
    sd_px_s: float  # by the jitter of the hips
    frames: int


@dataclass(frozen=True, slots=True)
class _Windows:
    """All half seconds in which the hips are seen without a hole, of K frames."""

    time_s: Float64  # (K,)
    first: Int64  # (W,) of the K frames
    end: Int64  # (W,) after the last one

    def slopes(self, places: Float64) -> Float64:
        """Slopes (W,) of places (K,) over time, by least squares."""
        n = self.end - self.first
        mean_s, mean = self._sum(self.time_s) / n, self._sum(places) / n
        square = self._sum(self.time_s**2) / n - mean_s**2
        return np.asarray((self._sum(self.time_s * places) / n - mean_s * mean) / square)

    def _sum(self, values: Float64) -> Float64:
        edges = np.stack([self.first, self.end], axis=1).ravel()
        return np.asarray(np.add.reduceat(np.append(values, 0.0), edges)[::2])


def _windows(time_s: Float64) -> _Windows:
    rate = max(rate_hz(time_s), 1e-9)
    first = np.arange(0, len(time_s), max(int(_WINDOW_S * rate / _MOST_STARTS), 1))
    last = np.searchsorted(time_s, time_s[first] + _WINDOW_S - 1e-6)
    first, last = first[last < len(time_s)], last[last < len(time_s)]
    holes = np.append(0, np.cumsum(np.diff(time_s) > _LONGEST_HOLE_S + 1.5 / rate))
    whole = holes[last] == holes[first] if len(first) else np.zeros(0, bool)
    return _Windows(time_s, first[whole], last[whole] + 1)


def _fastest(analysis: Analysis) -> _Fastest | None:
    """The speed of the fastest window, less what noise adds to the fastest of several."""
    level = analysis.plane.levelled(analysis.floor)
    hips = analysis.skeleton.take(level.positions, "mid_hip")[:, 0]
    raw = analysis.skeleton.take(level.measured, "mid_hip")[:, 0]
    known = np.isfinite(hips)
    windows = _windows(analysis.trajectory.time_s[known])
    if not len(windows.first):
        return None
    slopes = windows.slopes(hips[known])
    slopes *= np.sign(slopes[np.argmax(np.abs(slopes))])
    at = int(np.argmax(slopes))
    sd = np.array([np.nan_to_num(jitter(raw))])
    still = np.zeros((int(known.sum()), 1))
    noise = np.stack([windows.slopes(noisy(still, sd, n)[:, 0]) for n in range(REPETITIONS)])
    true = _without_noise(slopes, float(noise.var()))
    excess = (true + noise).max(axis=1) - true.max()
    return _Fastest(
        px_s=float(slopes[at] - excess.mean()),
        sd_px_s=float(np.sqrt(np.mean(excess**2))),
        frames=int(windows.end[at] - windows.first[at]),
    )


def _without_noise(slopes: Float64, variance: float) -> Float64:
    """Slopes that differ by what noise does not explain, as for the estimate of James & Stein."""
    own = float(slopes.var())
    share = np.sqrt(max(0.0, 1 - variance / own)) if own > 0 else 0.0
    return np.asarray(slopes.mean() + share * (slopes - slopes.mean()))


def _why_not(analysis: Analysis) -> str:
    """Why pixels in the picture do not give metres along the run; empty: they do."""
    if is_oblique(analysis):
        return OBLIQUE
    if _feet_slide(analysis):
        return "the feet slide on the ground: the camera follows, or it is a treadmill"
    if _on_the_spot(analysis):
        return "stays on the spot: no run or walk"
    return ""


def is_oblique(analysis: Analysis) -> bool:
    """Whether a way of the athlete would be shorter in the picture than on the ground."""
    if analysis.view is not None:
        return not analysis.sideways
    return shoulder_ratio(analysis.plane.positions, analysis.skeleton) > SQUARE_RATIO


def _on_the_spot(analysis: Analysis) -> bool:
    """Whether the hips stay where they are."""
    hips = analysis.skeleton.take(analysis.plane.positions, "mid_hip")[:, 0]
    known = hips[np.isfinite(hips)]
    return not len(known) or bool(np.ptp(known) < _ON_THE_SPOT * analysis.trajectory.height_px)


def _feet_slide(analysis: Analysis) -> bool:
    """Whether feet on the ground move in the picture nearly as fast as past the hips."""
    take = analysis.skeleton.take
    positions, velocity = analysis.plane.positions, analysis.velocity
    hips = take(velocity, "mid_hip")[:, 0]
    ratios = []
    for side in ("left", "right"):
        down = _is_down(take(positions, f"{side}_ankle")[:, 1])
        foot = take(velocity, f"{side}_ankle")[:, 0]
        past = np.abs(foot - hips)
        known = down & np.isfinite(foot) & np.isfinite(past)
        if known.any() and np.median(past[known]) > 0:
            ratios.append(float(np.median(np.abs(foot[known])) / np.median(past[known])))
    return bool(ratios) and float(np.mean(ratios)) > _SLIDES


def _is_down(y_px: Float64) -> Bool:
    """Frames (T,) on which a foot is low; y points down."""
    known = y_px[np.isfinite(y_px)]
    if not len(known):
        return np.zeros(len(y_px), np.bool_)
    lowest, highest = np.percentile(known, [97, 3])
    return np.asarray(y_px > lowest - _DOWN * (lowest - highest))
