"""Jumps on the spot: take-off, landing and height.

Both feet leave the ground and land at the same time. The vertical acceleration of the toes peaks
when they are pulled off the ground and when the ground stops them. All of this is up and down, so
the camera may stand in front of the athlete, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.biomechanics.events.feet import SIDES, Feet
from podium.biomechanics.signals.peaks import low_pass, peak_time_s
from podium.types import Float64

G_M_S2 = 9.81
MIN_FLIGHT_S = 0.15
MIN_RATE_HZ = 50.0
_CUTOFF_HZ = 15.0
_AIRBORNE = 0.03  # of the stature: toes and heels are higher than this above the ground
_TOGETHER = 0.15  # of the stature
_LEAST_RISE = 0.5  # of the rise in the flight
_HIPS_CUTOFF_HZ = 6.0
_LEVEL = 0.05  # of the stature: difference of the feet's heights, where only up is known
_FLOOR_PERCENTILE = 10
_BESIDE_S = 0.12
"""Take-off and landing are searched for up to this far outside the clearly airborne frames."""


@dataclass(frozen=True, slots=True)
class Jump:
    """One jump."""

    take_off_s: float
    landing_s: float

    @property
    def flight_s(self) -> float:
        """Time in the air."""
        return self.landing_s - self.take_off_s

    @property
    def height_m(self) -> float:
        """Rise of the centre of mass, calculated from the flight time."""
        return height_of_flight_m(self.flight_s)


def height_of_flight_m(flight_s: float) -> float:
    """The rise in half of the flight, g t^2 / 8 (Bosco, Luhtanen & Komi 1983).

    It assumes the same posture at take-off and landing; landing with bent legs adds height.
    """
    return G_M_S2 * flight_s**2 / 8


def find_jumps(feet: Feet) -> tuple[Jump, ...] | str:
    """Find the jumps in a clip; or return the reason why that is impossible."""
    if feet.rate_hz < MIN_RATE_HZ * 0.98:
        return (
            f"{feet.rate_hz:.0f} frames/s are too few for a flight time: "
            f"film at {MIN_RATE_HZ:.0f} or more"
        )
    toes = [low_pass(feet.toes[side][:, 1], feet.rate_hz, _CUTOFF_HZ) for side in SIDES]
    heels = [low_pass(feet.heels[side][:, 1], feet.rate_hz, _CUTOFF_HZ) for side in SIDES]
    lowest = np.min([*(up - _floor(up) for up in toes), *(up - _floor(up) for up in heels)], axis=0)
    airborne = lowest > _AIRBORNE * feet.stature_m
    edges = np.flatnonzero(np.diff(airborne.astype(int)))
    toe = np.mean(toes, axis=0)
    acceleration = np.gradient(np.gradient(toe, feet.time_s), feet.time_s)
    jumps = []
    for start, stop in zip(edges[:-1] + 1, edges[1:] + 1, strict=True):
        if airborne[start] and _together(feet, start, stop):
            take_off = _peak(acceleration, feet, start - 1, backwards=True)
            landing = _peak(acceleration, feet, stop, backwards=False)
            if take_off is not None and landing is not None:
                jump = Jump(take_off, landing)
                if jump.flight_s >= MIN_FLIGHT_S and _rises(jump, feet):
                    jumps.append(jump)
    return tuple(jumps)


def _rises(jump: Jump, feet: Feet) -> bool:
    """Whether the hips rise as in a jump.

    The feet of a runner who comes nearer are off the lowest ground for long, but the hips hardly
    rise. From the side, the distance of the feet tells runners from jumpers.
    """
    if feet.forward != "unknown":
        return True
    up = low_pass(feet.hips[:, 1], feet.rate_hz, _HIPS_CUTOFF_HZ)
    flying = (feet.time_s >= jump.take_off_s) & (feet.time_s <= jump.landing_s)
    rise = up[flying].max() - float(np.interp(jump.take_off_s, feet.time_s, up))
    return bool(rise > _LEAST_RISE * jump.height_m)


def _together(feet: Feet, start: int, stop: int) -> bool:
    """Whether the feet are beside each other, unlike in the flight of a runner."""
    apart = feet.toes["left"][start:stop] - feet.toes["right"][start:stop]
    if feet.forward == "unknown":
        return bool(np.median(np.abs(apart[:, 1])) < _LEVEL * feet.stature_m)
    return bool(np.median(np.linalg.norm(apart, axis=1)) < _TOGETHER * feet.stature_m)


def _floor(up: Float64) -> float:
    return float(np.percentile(up, _FLOOR_PERCENTILE))


def _peak(acceleration: Float64, feet: Feet, at: int, *, backwards: bool) -> float | None:
    """Time of the acceleration peak next to a row on the ground; None at the ends of the clip."""
    width = max(round(_BESIDE_S * feet.rate_hz), 2)
    rows = slice(max(at - width, 0), at + 2) if backwards else slice(at - 1, at + width + 1)
    part = acceleration[rows]
    if len(part) < 3:
        return None
    peak = rows.start + int(np.argmax(part))
    return peak_time_s(acceleration, feet.time_s, peak)
