"""Jumps on the spot: height, flight time, rise of the hips, depth before take-off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from podium.biomechanics.events.feet import Feet
from podium.biomechanics.events.jump import Jump
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.events.repeats import JumpRepeats
from podium.biomechanics.measures.joints import NO_SCALE
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.noise import deviation
from podium.biomechanics.signals.peaks import low_pass
from podium.types import Float64

_BEFORE_S = 1.0
"""Time before take-off in which the lowest point is searched for."""
_MOMENTS = "take-off and landing by the vertical acceleration of the toes"
_NUMBERS = (
    ("jump_height_m", "Jump height", "m", f"g t^2 / 8 of the longest flight; {_MOMENTS}."),
    ("jump_flight_time_s", "Flight time of the jump", "s", f"Of the longest flight; {_MOMENTS}."),
    ("jump_rise_m", "Rise of the hips in the jump", "m",
     f"From take-off to the highest point of the middle of the hips; {_MOMENTS}."),
    ("countermovement_depth_m", "Depth before the jump", "m",
     "Hips at take-off less their lowest point in the second before."),
)  # fmt: skip


@measured(order=70)
def jump(movement: Movement) -> Iterator[Measure]:
    """Height by flight time, flight time, rise of the hips, depth before take-off."""
    feet, jumps, scale = movement.jumping, movement.jumps, movement.analysis.scale
    if isinstance(jumps, str) or isinstance(feet, str) or not jumps:
        reason = jumps if isinstance(jumps, str) else "the athlete does not jump on the spot"
        for name, label, unit, method in _NUMBERS:
            yield Measure(name=name, label=label, unit=unit, method=method, reason=reason)
        return
    values = _values(feet, jumps)
    noise = _noise(movement.jump_repeats, values)
    flight_s = values[1]
    moment_s = 1 / (feet.rate_hz * np.sqrt(6))  # two times, each uniform within a frame
    doubt = scale.relative_sd
    known_to = [9.81 * flight_s / 4 * moment_s, moment_s, values[2] * doubt, values[3] * doubt]
    for (name, label, unit, method), value, sd in zip(
        _NUMBERS, values, np.hypot(noise, known_to), strict=True
    ):
        metric = name in ("jump_rise_m", "countermovement_depth_m")
        known = scale.m_per_px is not None or not metric
        yield Measure(
            name=name,
            label=label,
            unit=unit,
            method=method,
            value=value if known else None,
            sd=float(sd) if known and np.isfinite(sd) else None,
            n=len(jumps),
            reason="" if known else NO_SCALE,
            shown="first" if name == "jump_height_m" else "report",
        )


def _noise(repeats: JumpRepeats | None, values: Sequence[float]) -> Float64:
    """Standard uncertainties of the values from the noise of the key points."""
    unknown = [float("nan")] * len(values)
    if repeats is None:
        return np.array(unknown)
    found = [
        unknown if isinstance(jumps, str) or not jumps else _values(repeats.tracks(number), jumps)
        for number, jumps in enumerate(repeats.jumps)
    ]
    return deviation(found, values)


def _values(feet: Feet, jumps: Sequence[Jump]) -> list[float]:
    best = max(jumps, key=lambda found: found.flight_s)
    up = low_pass(feet.hips[:, 1], feet.rate_hz, 6.0)
    at_take_off = float(np.interp(best.take_off_s, feet.time_s, up))
    flying = (feet.time_s >= best.take_off_s) & (feet.time_s <= best.landing_s)
    before = (feet.time_s >= best.take_off_s - _BEFORE_S) & (feet.time_s <= best.take_off_s)
    return [
        best.height_m,
        best.flight_s,
        float(up[flying].max()) - at_take_off,
        at_take_off - float(up[before].min()),
    ]
