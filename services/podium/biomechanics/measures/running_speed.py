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
from podium.biomechanics.signals.noise import jitter
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Bool, Float64

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
        "fastest of the clip.",
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


def _fastest(analysis: Analysis) -> _Fastest | None:
    level = analysis.plane.levelled(analysis.floor)
    hips = analysis.skeleton.take(level.positions, "mid_hip")[:, 0]
    raw = analysis.skeleton.take(level.measured, "mid_hip")[:, 0]
    noise_px = float(np.nan_to_num(jitter(raw)))
    time_s = analysis.trajectory.time_s
    known = np.isfinite(hips)
    at, x = time_s[known], hips[known]
    rate = max(rate_hz(time_s), 1e-9)
    fastest = None
    for first in range(0, len(at), max(int(_WINDOW_S * rate / _MOST_STARTS), 1)):
        stop = int(np.searchsorted(at, at[first] + _WINDOW_S - 1e-6))
        if stop >= len(at):
            break
        window, places = at[first : stop + 1], x[first : stop + 1]
        if np.diff(window).max() > _LONGEST_HOLE_S + 1.5 / rate:
            continue
        around = window - window.mean()
        square = float((around**2).sum())
        speed = abs(float((around * places).sum() / square))
        if fastest is None or speed > fastest.px_s:
            fastest = _Fastest(speed, noise_px / np.sqrt(square), len(window))
    return fastest


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
