"""Speed of the middle of the hips, which moves nearly as the centre of mass does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.joints import NO_SCALE
from podium.biomechanics.measures.measure import Cell, Measure
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.noise import spread
from podium.biomechanics.signals.peaks import low_pass
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

_METHOD = "Length of the velocity of the middle of the hips in the image plane"
_CUTOFF_HZ = 6.0
_LEAST_FRAMES = 12
_TOO_SHORT = "seen too briefly or too patchily for velocities"


@measured(order=30)
def hip_speed(movement: Movement) -> Iterator[Measure]:
    """The speed over time, its peak and its mean, in m/s and px/s."""
    analysis = movement.analysis
    velocity = analysis.skeleton.take(analysis.motion.velocity, "mid_hip")
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
            values=speed * (np.nan if factor is None else factor),
            reason="" if factor else NO_SCALE,
            digits=4,
            shown="report" if is_shown else "tables",
            plot="Speed of the hips" if is_shown else "",
            cell=Cell(kind="body", row="hips", column=column),
        )
    known = speed[np.isfinite(speed)]
    noise = _noise_px_s(analysis)
    statistics: tuple[tuple[str, str, Callable[..., Any]], ...] = (
        ("peak", "Peak", np.max),
        ("mean", "Mean", np.mean),
    )
    for (name, word, statistic), sd_px_s in zip(statistics, noise, strict=True):
        px_s = float(statistic(known)) if len(known) else None
        method = f"{_METHOD}; {word.lower()} over the frames."
        yield Measure(
            name=f"hip_speed_{name}_m_s",
            label=f"{word} speed of the hips",
            unit="m/s",
            method=method,
            value=None if px_s is None or m_per_px is None else px_s * m_per_px,
            sd=None if sd_px_s is None or px_s is None else _metric_sd(px_s, sd_px_s, analysis),
            n=len(known),
            reason=_TOO_SHORT if px_s is None else "" if m_per_px else NO_SCALE,
            digits=2,
        )
        yield Measure(
            name=f"hip_speed_{name}_px_s",
            label=f"{word} speed of the hips in the picture",
            unit="px/s",
            method=method,
            value=px_s,
            sd=None if px_s is None else sd_px_s,
            n=len(known),
            reason=_TOO_SHORT if px_s is None else "",
            digits=0,
        )


def _metric_sd(px_s: float, sd_px_s: float, analysis: Analysis) -> float | None:
    """Standard uncertainty in m/s, with that of the scale."""
    scale = analysis.scale
    return (
        None
        if scale.m_per_px is None
        else scale.m_per_px * float(np.hypot(sd_px_s, px_s * scale.relative_sd))
    )


def _noise_px_s(analysis: Analysis) -> tuple[float | None, float | None]:
    """Standard uncertainty of the peak and the mean speed from the jitter of the hips."""
    hips = analysis.skeleton.take(analysis.plane.measured, "mid_hip")
    known = np.isfinite(hips).all(axis=1)
    time_s = analysis.trajectory.time_s[known]
    if np.count_nonzero(known) < _LEAST_FRAMES:
        return None, None

    def again(signals: Sequence[Float64]) -> list[float]:
        smooth = low_pass(np.stack(signals, axis=1), rate_hz(time_s), _CUTOFF_HZ)
        speed = np.linalg.norm(np.gradient(smooth, time_s, axis=0, edge_order=2), axis=1)
        return [float(speed.max()), float(speed.mean())]

    peak, mean = spread(list(hips[known].T), again)
    return float(peak), float(mean)
