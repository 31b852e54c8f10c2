"""Speed of the middle of the hips, which moves nearly like the centre of mass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.joints import NO_SCALE
from podium.biomechanics.measures.measure import Cell, Measure, unknown
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.measures.running_speed import OBLIQUE, is_oblique
from podium.biomechanics.signals.filters import smooth
from podium.biomechanics.signals.kinematics import rate_of_change
from podium.biomechanics.signals.noise import bias_and_spread, jitters
from podium.biomechanics.signals.timeline import runs
from podium.types import Bool, Float64

_METHOD = "Length of the velocity of the middle of the hips in the image plane"
_LESS_NOISE = ", less what the noise of the key points adds to it (Efron & Tibshirani 1993)"
_LEAST_FRAMES = 12
_END_S = 0.08
"""Time at the ends of a visible part in which the filter has only one side: speeds are wrong."""
_TOO_SHORT = "seen too briefly or too patchily for velocities"


@measured(order=30)
def hip_speed(movement: Movement) -> Iterator[Measure]:
    """The speed over time, its peak and its mean, in m/s and px/s."""
    analysis = movement.analysis
    velocity = analysis.skeleton.take(analysis.velocity, "mid_hip")
    speed = np.linalg.norm(velocity, axis=-1)
    m_per_px = analysis.scale.m_per_px
    for unit, factor, is_shown in (
        ("m/s", m_per_px, m_per_px is not None),
        ("px/s", 1.0, m_per_px is None),
    ):
        column = f"speed_{unit.replace('/', '_')}"
        yield Measure(
            name=f"hip_{column}",
            label="Speed of the hips",
            unit=unit,
            method=_METHOD + ".",
            samples=unknown(speed) if factor is None else speed,
            factor=factor or 1.0,
            reason="" if factor else NO_SCALE,
            digits=4,
            shown="report" if is_shown else "tables",
            plot="Speed of the hips" if is_shown else "",
            cell=Cell(kind="body", row="hips", column=column),
        )
    steady = _steady(analysis, np.isfinite(speed))
    known = speed[steady]
    biases, noise = _noise_px_s(analysis, steady)
    reason_m = _why_no_metres(analysis)
    statistics: tuple[tuple[str, str, Callable[..., Any]], ...] = (
        ("peak", "Peak", np.max),
        ("mean", "Mean", np.mean),
    )
    for (name, word, statistic), bias, sd_px_s in zip(statistics, biases, noise, strict=True):
        px_s = float(statistic(known)) - bias if len(known) else None
        empty = _TOO_SHORT if px_s is None else reason_m
        method = f"{_METHOD}; {word.lower()} over the frames that are not at an end{_LESS_NOISE}."
        yield Measure(
            name=f"hip_speed_{name}_m_s",
            label=f"{word} speed of the hips",
            unit="m/s",
            method=method,
            value=None if empty or px_s is None or m_per_px is None else px_s * m_per_px,
            sd=None
            if empty or sd_px_s is None or px_s is None
            else _metric_sd(px_s, sd_px_s, analysis),
            n=None if empty else len(known),
            reason=empty,
            digits=2,
        )
        yield Measure(
            name=f"hip_speed_{name}_px_s",
            label=f"{word} speed of the hips in the picture",
            unit="px/s",
            method=method,
            value=px_s,
            sd=None if px_s is None else sd_px_s,
            n=None if px_s is None else len(known),
            reason=_TOO_SHORT if px_s is None else "",
            digits=0,
        )


def _why_no_metres(analysis: Analysis) -> str:
    """Why pixels in the picture do not give metres of the hips; empty: they do."""
    if analysis.scale.m_per_px is None:
        return NO_SCALE
    return OBLIQUE if is_oblique(analysis) else ""


def _metric_sd(px_s: float, sd_px_s: float, analysis: Analysis) -> float | None:
    """Standard uncertainty in m/s, including that of the scale."""
    scale = analysis.scale
    return (
        None
        if scale.m_per_px is None
        else scale.m_per_px * float(np.hypot(sd_px_s, px_s * scale.relative_sd))
    )


def _steady(analysis: Analysis, known: Bool) -> Bool:
    """The frames (T,) with neighbours on both sides for the filter; all if there are none."""
    time_s = analysis.trajectory.time_s
    inside = np.zeros(len(time_s), np.bool_)
    for rows, _ in runs(known[:, None], analysis.breaks):
        at_s = time_s[rows]
        inside[rows] = (at_s >= at_s[0] + _END_S) & (at_s <= at_s[-1] - _END_S)
    return inside if inside.any() else known


def _noise_px_s(
    analysis: Analysis, steady: Bool
) -> tuple[tuple[float, float], tuple[float | None, float | None]]:
    """What the jitter of the hips adds to the peak and mean speed, and the standard uncertainties.

    A maximum of noisy values is too high.
    """
    take, time_s = analysis.skeleton.take, analysis.trajectory.time_s
    if np.count_nonzero(steady) < _LEAST_FRAMES:
        return (0.0, 0.0), (None, None)

    def again(hips: Float64) -> list[float]:
        smoothed, _ = smooth(hips, time_s, analysis.breaks, analysis.smoothing)
        velocity = rate_of_change(smoothed, time_s, analysis.breaks)
        speed = np.linalg.norm(velocity[steady], axis=1)
        return [float(speed.max()), float(speed.mean())]

    sd = jitters(take(analysis.plane.measured, "mid_hip"))
    # Nearly free of noise, so that the full effect of noise on the peak is seen.
    stronger = analysis.smoothing.scaled(0.5)
    way, _ = smooth(take(analysis.plane.positions, "mid_hip"), time_s, analysis.breaks, stronger)
    (peak_bias, mean_bias), (peak, mean) = bias_and_spread(way, sd, again)
    return (float(peak_bias), float(mean_bias)), (float(peak), float(mean))
