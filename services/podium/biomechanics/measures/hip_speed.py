"""Speed of the middle of the hips, which moves nearly as the centre of mass does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.measures.joints import NO_SCALE
from podium.biomechanics.measures.measure import Cell, Measure
from podium.biomechanics.measures.registry import measured

_METHOD = "Length of the velocity of the middle of the hips in the image plane"
_TOO_SHORT = "seen too briefly or too patchily for velocities"


@measured(order=30)
def hip_speed(analysis: Analysis) -> Iterator[Measure]:
    """The speed over time, its peak and its mean, in m/s and px/s."""
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
    statistics: tuple[tuple[str, str, Callable[..., Any]], ...] = (
        ("peak", "Peak", np.max),
        ("mean", "Mean", np.mean),
    )
    for name, word, statistic in statistics:
        px_s = float(statistic(known)) if len(known) else None
        method = f"{_METHOD}; {word.lower()} over the frames."
        yield Measure(
            name=f"hip_speed_{name}_m_s",
            label=f"{word} speed of the hips",
            unit="m/s",
            method=method,
            value=None if px_s is None or m_per_px is None else px_s * m_per_px,
            n=len(known),
            reason=_TOO_SHORT if px_s is None else "" if m_per_px else NO_SCALE,
            digits=2,
            shown="first",
        )
        yield Measure(
            name=f"hip_speed_{name}_px_s",
            label=f"{word} speed of the hips in the picture",
            unit="px/s",
            method=method,
            value=px_s,
            n=len(known),
            reason=_TOO_SHORT if px_s is None else "",
            digits=0,
            shown="report" if m_per_px else "first",
        )
