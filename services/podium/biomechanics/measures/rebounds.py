"""Jumps that follow one another: time on the ground between them, and reactive strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from podium.biomechanics.events.jump import G_M_S2, Jump
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.noise import deviation

LONGEST_CONTACT_S = 0.5
"""Who stands for longer begins anew; rebounds of drop jumps and hops take less."""

_NUMBERS = (
    ("rebound_contact_time_s", "Contact time between jumps", "s",
     "Mean time from a landing to the next take-off, where it is at most 0.5 s."),
    ("reactive_strength_index_m_s", "Reactive strength index", "m/s",
     "Mean of jump height over the contact time before it (Young 1995); height by flight time."),
)  # fmt: skip


@measured(order=71)
def rebounds(movement: Movement) -> Iterator[Measure]:
    """Contact time and reactive strength index of jumps that follow one another."""
    feet, jumps, repeats = movement.jumping, movement.jumps, movement.jump_repeats
    values = [] if isinstance(jumps, str) else _values(jumps)
    if isinstance(feet, str) or isinstance(jumps, str) or not values:
        reason = jumps if isinstance(jumps, str) else "no jump follows another within half a second"
        for name, label, unit, method in _NUMBERS:
            yield Measure(name=name, label=label, unit=unit, method=method, reason=reason)
        return
    unknown = [float("nan")] * len(_NUMBERS)
    found = [
        unknown if isinstance(again, str) else _values(again) or unknown
        for again in (repeats.jumps if repeats else ())
    ]
    contacts_s = _contacts_s(jumps)
    n = len(contacts_s)
    moment_s = 1 / (feet.rate_hz * np.sqrt(6))  # two moments, each even within a frame
    flight_s = float(np.mean([jump.flight_s for jump in jumps]))
    of_height = G_M_S2 * flight_s / 4 * moment_s / values[0]
    sampling = np.array([moment_s, np.hypot(of_height, values[1] / values[0] * moment_s)])
    doubts = np.hypot(deviation(found, values), sampling / np.sqrt(n))
    for (name, label, unit, method), value, sd in zip(_NUMBERS, values, doubts, strict=True):
        yield Measure(
            name=name,
            label=label,
            unit=unit,
            method=method,
            value=value,
            sd=float(sd) if np.isfinite(sd) else None,
            n=n,
        )


def _contacts_s(jumps: Sequence[Jump]) -> list[float]:
    contacts = (after.take_off_s - before.landing_s for before, after in pairwise(jumps))
    return [contact_s for contact_s in contacts if 0 < contact_s <= LONGEST_CONTACT_S]


def _values(jumps: Sequence[Jump]) -> list[float]:
    """Contact time and index; empty where no jump follows another."""
    strengths = [
        after.height_m / (after.take_off_s - before.landing_s)
        for before, after in pairwise(jumps)
        if 0 < after.take_off_s - before.landing_s <= LONGEST_CONTACT_S
    ]
    return [float(np.mean(_contacts_s(jumps))), float(np.mean(strengths))] if strengths else []
