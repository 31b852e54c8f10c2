"""Squats and sit-to-stands: how many, how deep, how fast."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.biomechanics.events.bends import Bend, bends_of
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.measure import Measure, Shown
from podium.biomechanics.measures.registry import measured

_METHOD = "Both knees bend by 40 degrees and more together"
_NUMBERS = (
    ("knee_bends", "Squats or sit-to-stands", "", f"{_METHOD}; how often."),
    ("knee_bend_depth_deg", "Knee flexion at the lowest point", "deg",
     f"{_METHOD}; mean over the repetitions and both knees."),
    ("knee_bend_down_s", "Time down", "s",
     f"{_METHOD}; from a tenth of the depth to the lowest point, mean."),
    ("knee_bend_up_s", "Time up", "s",
     f"{_METHOD}; from the lowest point to a tenth of the depth, mean."),
)  # fmt: skip


@measured(order=75)
def knee_bends(movement: Movement) -> Iterator[Measure]:
    """Repetitions of squats and sit-to-stands."""
    bends = bends_of(movement.analysis)
    if isinstance(bends, str) or not bends or not isinstance(movement.gait, str):
        reason = bends if isinstance(bends, str) else "the knees do not bend deeply together"
        for name, label, unit, method in _NUMBERS:
            yield Measure(
                name=name, label=label, unit=unit, method=method, reason=reason, shown=_shown(name)
            )
        return
    for (name, label, unit, method), samples in zip(_NUMBERS, _samples(bends), strict=True):
        n = len(samples)
        counted = name == "knee_bends"
        sd = float(np.std(samples, ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
        if unit == "deg":  # what the angles get wrong is alike in all repetitions
            sd = float(np.hypot(np.nan_to_num(sd), np.mean([b.depth_sd_deg for b in bends])))
        yield Measure(
            name=name,
            label=label,
            unit=unit,
            method=method,
            value=float(n) if counted else float(np.mean(samples)),
            sd=sd if np.isfinite(sd) and not counted else None,
            n=n,
            digits=0 if counted else 1 if unit == "deg" else 2,
            shown=_shown(name),
        )


def _shown(name: str) -> Shown:
    return "first" if name in ("knee_bends", "knee_bend_depth_deg") else "report"


def _samples(bends: tuple[Bend, ...]) -> list[list[float]]:
    depths = [bend.depth_deg for bend in bends]
    down_s = [bend.lowest_s - bend.start_s for bend in bends]
    up_s = [bend.end_s - bend.lowest_s for bend in bends]
    return [depths, depths, down_s, up_s]
