"""When the feet touch and leave the ground, in walking and in running.

Walking: Zeni, Richards & Higginson 2008. Contact is when the heel is farthest ahead of the hips,
toe-off when the toe is farthest behind them. Compared with force plates, contact is 20 to 30 ms
early, toe-off 2 to 15 ms late (60 Hz, public OpenSim trial).

Running: the vertical acceleration of the toe has a peak when the ground stops the foot and one when
the foot is pulled off (after Handsaker et al. 2016). The second peak is late, and the time at which
the toe has gained 0.4 m/s upwards is early; toe-off is the middle of both. Compared with force
plates: contact 5 and 17 ms late, toe-off -7 and 19 ms (150 Hz, public run of BMClab).
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
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


def find_gait(feet: Feet) -> Gait | str:
    """Find the contacts; or return the reason why there are none."""
    forward = {side: feet.toes[side][:, 0] - feet.hips[:, 0] for side in SIDES}
    rate = feet.rate_hz
    backward_m_s = np.concatenate(
        [np.gradient(low_pass(f, rate, _WALK_CUTOFF_HZ), feet.time_s) for f in forward.values()]
    )
    speed = -float(np.percentile(backward_m_s, 10))
    if speed < MIN_SPEED_M_S or _move_together(forward):
        return "the athlete neither walks nor runs"
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
    contacts = [
        contact for side in SIDES for contact in (running if kind == "run" else walking)(feet, side)
    ]
    ordered = tuple(sorted(contacts, key=lambda contact: contact.on_s))
    if kind == "run":
        ordered = _with_flight(ordered)
    if len(ordered) < 2:
        return "fewer than two contacts of the feet were found"
    over_belt = _speed_m_s(ordered, feet, forward) if treadmill else float(travelled)
    return Gait(kind, over_belt, treadmill, ordered)


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
            slope = np.polyfit(feet.time_s[rows], forward[contact.side][rows], 1)[0]
            speeds.append(-float(slope))
    return float(np.median(speeds)) if speeds else float("nan")


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


def running(feet: Feet, side: str) -> list[Contact]:
    """The contacts of one foot in running; incomplete ones at the ends are left out.

    One that is shorter than any runner's has its begin or its end in the wrong place.
    """
    time_s = feet.time_s
    up = low_pass(feet.toes[side][:, 1], feet.rate_hz, _RUN_CUTOFF_HZ)
    speed = np.gradient(up, time_s)
    acceleration = np.gradient(speed, time_s)
    floor = float(np.percentile(up, _FLOOR_PERCENTILE))
    moving = _MOVING_M_S * feet.stature_m / 1.75
    contacts = []
    for start, stop in _stances(up - floor, time_s, feet.stature_m):
        falls = speed[start:stop] < -moving
        landed = start + (int(np.argmin(falls)) if not falls.all() else len(falls) - 1)
        on = start + int(np.argmax(acceleration[start : landed + 1]))
        rising_s = rising_time_s(speed, time_s, moving, start=on, stop=min(stop + 2, len(up)))
        off_s = float("nan")
        if np.isfinite(rising_s):
            after = int(np.searchsorted(time_s, rising_s)) - 1
            pulled = after + int(np.argmax(acceleration[after : max(stop, after + 2)]))
            off_s = (peak_time_s(acceleration, time_s, pulled) + rising_s) / 2
        on_s = peak_time_s(acceleration, time_s, on)
        if not off_s - on_s < _LEAST_RUN_CONTACT_S:
            contacts.append(Contact(side, on_s, off_s))
    return contacts


def _stances(height: Float64, time_s: Float64, stature_m: float) -> Iterator[tuple[int, int]]:
    """The first row of each stance of one foot, and the row after its last.

    Noise may lift the toe for some frames in the middle of a stance: what follows too soon for a
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
