"""When the feet touch and leave the ground, in walking and in running.

Walking: Zeni, Richards & Higginson 2008. Contact is when the heel is farthest ahead of the hips,
toe-off when the toe is farthest behind them. Compared with force plates, contact is 20 to 30 ms
early, toe-off 2 to 15 ms late (60 Hz, public OpenSim trial).

Running: the vertical acceleration of the toe has a peak when the ground stops the foot and one when
the foot is pulled off (after Handsaker et al. 2016). The second peak is late, and the time at which
the toe has gained 0.4 m/s upwards is early; toe-off is the middle of both. Compared with force
plates: contact 5 and 17 ms late, toe-off -7 and 19 ms (150 Hz, public run of BMClab). Who lands on
the heel touches the ground with it first: then contact is that peak of the heel.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from podium.biomechanics.events.feet import SIDES, Feet
from podium.biomechanics.signals.peaks import (
    low_pass,
    peak_time_s,
    peak_times_s,
    rising_time_s,
)
from podium.types import Float64

NO_GAIT = "the athlete neither walks nor runs"
G_M_S2 = 9.81
RUN_FROM_FROUDE = 0.5
"""Froude number, speed^2 / (g leg length), at which walking changes to running (Alexander 1989)."""
MIN_SPEED_M_S = 0.3
MIN_RATE_WALK_HZ = 24.0
MIN_RATE_RUN_HZ = 50.0
TREADMILL_SHARE = 0.3
"""On a treadmill the hips travel at less than this share of the feet's speed."""

_PROMINENCE_M = 0.1
_PEAK_WITHIN_S = 10.0  # several strides
_NEAR_GROUND = 0.03  # of the stature: the toe is about to touch the ground
_ON_GROUND = 0.015
_FLOOR_PERCENTILE = 5
_MOVING_M_S = 0.4  # the toe of a standing foot seems to sink or rise no faster
_WALK_CUTOFF_HZ = 6.0
_RUN_CUTOFF_HZ = 15.0
_MAX_STANCE_S = 1.5
_LEAST_SWING_S = 0.2  # runners swing a leg for 0.3 s and more, also the fastest ones
_LEAST_RUN_CONTACT_S = 0.06  # the fastest sprinters stand for 0.08 s and more
_MOST_ROLL_S = 0.1  # from heel to toe
_HEEL_FIRST_S = 0.02
"""Heel and toe of a flat foot land within 0.015 s: by noise, and as the knee bends."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One foot on the ground."""

    side: str
    on_s: float
    off_s: float  # NaN: after the clip, or not found


@dataclass(frozen=True, slots=True)
class Gait:
    """The contacts of a clip, by time."""

    kind: Literal["walk", "run"]
    speed_m_s: float  # of the body relative to the ground or belt
    treadmill: bool
    contacts: tuple[Contact, ...]
    corrected: bool = False  # whether contacts were corrected by hand
    heel_first: bool = False  # whether contacts of a run are those of the heels


def find_gait(feet: Feet) -> Gait | str:
    """Find the contacts; or return the reason why there are none."""
    forward = {side: feet.toes[side][:, 0] - feet.hips[:, 0] for side in SIDES}
    rate = feet.rate_hz
    both = low_pass(np.stack([*forward.values()], axis=1), rate, _WALK_CUTOFF_HZ)
    speed = -float(np.percentile(np.gradient(both, feet.time_s, axis=0), 10))
    if speed < MIN_SPEED_M_S or _move_together(forward):
        return NO_GAIT
    travelled = (feet.hips[-1, 0] - feet.hips[0, 0]) / (feet.time_s[-1] - feet.time_s[0])
    treadmill = bool(abs(travelled) < TREADMILL_SHARE * speed)
    kind: Literal["walk", "run"] = (
        "run" if speed**2 / (G_M_S2 * feet.leg_m) > RUN_FROM_FROUDE else "walk"
    )
    least_hz = MIN_RATE_RUN_HZ if kind == "run" else MIN_RATE_WALK_HZ
    if rate < least_hz * 0.98:
        return (
            f"{rate:.0f} frames/s are too few for the contacts of a {kind}: "
            f"film at {least_hz:.0f} or more"
        )
    if kind == "run":
        contacts, heel_first = running(feet)
    else:
        contacts, heel_first = walking(feet, "left") + walking(feet, "right"), False
    ordered = tuple(sorted(contacts, key=lambda contact: contact.on_s))
    if kind == "run":
        ordered = _with_flight(ordered)
    if len(ordered) < 2:
        return "fewer than two contacts of the feet were found"
    over_belt = _speed_m_s(ordered, feet, forward) if treadmill else float(travelled)
    return Gait(kind, over_belt, treadmill, ordered, heel_first=heel_first)


def _move_together(forward: dict[str, Float64]) -> bool:
    """Whether both feet go forward relative to the hips at once, as in squats and jumps."""
    left, right = (values - values.mean() for values in forward.values())
    return bool(np.dot(left, right) > 0)


def _speed_m_s(contacts: tuple[Contact, ...], feet: Feet, forward: dict[str, Float64]) -> float:
    """Speed of the hips relative to the standing feet, median over the middles of contacts."""
    speeds = []
    for contact in contacts:
        end_s = contact.off_s if np.isfinite(contact.off_s) else contact.on_s + 0.15
        third_s = (end_s - contact.on_s) / 3
        rows = feet.rows(contact.on_s + third_s, end_s - third_s)
        if rows.stop - rows.start > 1:
            speeds.append(-_slope(feet.time_s[rows], forward[contact.side][rows]))
    return float(np.median(speeds)) if speeds else float("nan")


def _slope(time_s: Float64, values: Float64) -> float:
    """The slope of the line through values (T,) with the least squares."""
    off_s = time_s - time_s.mean()
    return float(off_s @ values / (off_s @ off_s))


def walking(feet: Feet, side: str) -> list[Contact]:
    """The contacts of one foot in walking."""
    prominence = _PROMINENCE_M * feet.stature_m / 1.75
    hips = feet.hips[:, 0]
    heel = low_pass(feet.heels[side][:, 0] - hips, feet.rate_hz, _WALK_CUTOFF_HZ)
    toe = low_pass(feet.toes[side][:, 0] - hips, feet.rate_hz, _WALK_CUTOFF_HZ)
    on, off = (
        np.array(peak_times_s(way, feet.time_s, prominence=prominence, within_s=_PEAK_WITHIN_S))
        for way in (heel, -toe)
    )
    contacts = []
    for start_s, next_s in itertools.pairwise([*on.tolist(), np.inf]):
        after = int(np.searchsorted(off, start_s, side="right"))
        inside = off[after : after + 1]
        found = len(inside) and inside[0] < min(next_s, start_s + _MAX_STANCE_S)
        contacts.append(Contact(side, start_s, float(inside[0]) if found else np.nan))
    return contacts


def running(feet: Feet) -> tuple[list[Contact], bool]:
    """The contacts of both feet in running, and whether they are those of the heels.

    Incomplete ones at the ends are left out. If the heels land first as a rule, all contacts are
    theirs, so that feet do not differ by the rule.
    """
    toes, heels = _falling(feet)
    contacts = [contact for side in SIDES for contact in _of_toe(toes[side], side)]
    heels_s = {side: _landings_s(heels[side]) for side in SIDES}
    on_heel = [_on_heel_s(contact, heels_s[contact.side]) for contact in contacts]
    earlier_s = [c.on_s - on_s for c, on_s in zip(contacts, on_heel, strict=True)]
    if not contacts or np.median(earlier_s) < _HEEL_FIRST_S:
        return contacts, False
    return [replace(c, on_s=on_s) for c, on_s in zip(contacts, on_heel, strict=True)], True


def _on_heel_s(contact: Contact, heels_s: Float64) -> float:
    """When the heel landed before this contact of the toe; that of the toe if it did not."""
    before = heels_s[(heels_s > contact.on_s - _MOST_ROLL_S) & (heels_s < contact.on_s)]
    return float(before[-1]) if len(before) else contact.on_s


def _of_toe(toe: _Falling, side: str) -> list[Contact]:
    """The contacts of one toe.

    One that is shorter than any runner's has its begin or its end in the wrong place.
    """
    time_s = toe.time_s
    contacts = []
    for start, stop in toe.stances():
        on = toe.landing(start, stop)
        until = min(stop + 2, len(time_s))
        rising_s = rising_time_s(toe.speed, time_s, toe.moving_m_s, start=on, stop=until)
        off_s = float("nan")
        if np.isfinite(rising_s):
            after = int(np.searchsorted(time_s, rising_s)) - 1
            pulled = after + int(np.argmax(toe.acceleration[after : max(stop, after + 2)]))
            off_s = (peak_time_s(toe.acceleration, time_s, pulled) + rising_s) / 2
        on_s = peak_time_s(toe.acceleration, time_s, on)
        if not off_s - on_s < _LEAST_RUN_CONTACT_S:
            contacts.append(Contact(side, on_s, off_s))
    return contacts


def _landings_s(point: _Falling) -> Float64:
    rows = [point.landing(*stance) for stance in point.stances()]
    return np.array([peak_time_s(point.acceleration, point.time_s, row) for row in rows])


@dataclass(frozen=True, slots=True)
class _Falling:
    """How a point of the foot falls to the ground, (T,) each."""

    time_s: Float64
    above_m: Float64  # the ground, which is where the point is lowest
    speed: Float64  # m/s, upwards
    acceleration: Float64
    stature_m: float

    @property
    def moving_m_s(self) -> float:
        return _MOVING_M_S * self.stature_m / 1.75

    def stances(self) -> Iterator[tuple[int, int]]:
        return _stances(self.above_m, self.time_s, self.stature_m)

    def landing(self, start: int, stop: int) -> int:
        """The row in which the ground stops the fall."""
        falls = self.speed[start:stop] < -self.moving_m_s
        landed = start + (int(np.argmin(falls)) if not falls.all() else len(falls) - 1)
        return start + int(np.argmax(self.acceleration[start : landed + 1]))


def _falling(feet: Feet) -> tuple[dict[str, _Falling], dict[str, _Falling]]:
    """Toes and heels by side; all tracks are filtered at once."""
    tracks = [points[side][:, 1] for points in (feet.toes, feet.heels) for side in SIDES]
    up = low_pass(np.stack(tracks, axis=1), feet.rate_hz, _RUN_CUTOFF_HZ)
    speed = np.gradient(up, feet.time_s, axis=0)
    acceleration = np.gradient(speed, feet.time_s, axis=0)
    above_m = up - np.percentile(up, _FLOOR_PERCENTILE, axis=0)
    left, right, left_heel, right_heel = (
        _Falling(feet.time_s, *parts, feet.stature_m)
        for parts in zip(above_m.T, speed.T, acceleration.T, strict=True)
    )
    return {"left": left, "right": right}, {"left": left_heel, "right": right_heel}


def _stances(height: Float64, time_s: Float64, stature_m: float) -> Iterator[tuple[int, int]]:
    """The first row of each stance of a point of the foot, and the row after its last.

    Noise may lift it for some frames in the middle of a stance: what follows too soon for a
    swing belongs to it.
    """
    near = height < _NEAR_GROUND * stature_m
    edges = np.flatnonzero(np.diff(near.astype(int))) + 1
    parts = deque((int(a), int(b)) for a, b in itertools.pairwise(edges) if near[a])
    while parts:
        start, stop = parts.popleft()
        while parts and time_s[parts[0][0]] - time_s[stop] < _LEAST_SWING_S:
            _, stop = parts.popleft()
        if height[start:stop].min() <= _ON_GROUND * stature_m:
            yield start, stop


def _with_flight(contacts: tuple[Contact, ...]) -> tuple[Contact, ...]:
    """Drop contacts that begin before the previous one has ended: runners fly in between."""
    kept: list[Contact] = []
    for contact in contacts:
        if kept and not contact.on_s >= kept[-1].off_s and np.isfinite(kept[-1].off_s):
            continue
        kept.append(contact)
    return tuple(kept)
