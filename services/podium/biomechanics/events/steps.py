"""Steps and strides: the durations and lengths between the contacts of a gait.

Definitions of Perry & Burnfield (2010): a step is from the contact of one foot to the next contact
of the other foot and is named by the foot that lands; a stride is from a contact to the next
contact of the same foot.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from podium.biomechanics.events.feet import SIDES, Feet
from podium.biomechanics.events.gait import Contact, Gait
from podium.types import Float64

MIN_STEP_S = 0.15
MAX_STEP_S = 1.5


@dataclass(frozen=True, slots=True)
class Step:
    """From the contact of one foot to that of the other."""

    side: str  # the foot that lands
    time_s: float
    length_m: float
    between_s: float  # from the previous toe-off to the contact; < 0: double support

    @property
    def frequency_hz(self) -> float:
        """Steps per second."""
        return 1 / self.time_s


@dataclass(frozen=True, slots=True)
class Stride:
    """From a contact of a foot to its next contact."""

    side: str
    time_s: float
    length_m: float
    contact_s: float
    swing_s: float


def steps_of(gait: Gait, feet: Feet) -> list[Step]:
    """The steps between contacts of alternating feet."""
    places = _places_m(gait, feet)
    steps = []
    for before, after in pairwise(gait.contacts):
        time_s = after.on_s - before.on_s
        if before.side != after.side and MIN_STEP_S <= time_s <= MAX_STEP_S:
            length_m = gait.speed_m_s * time_s if gait.treadmill else places[after] - places[before]
            steps.append(Step(after.side, time_s, length_m, after.on_s - before.off_s))
    return steps


def strides_of(gait: Gait, feet: Feet) -> list[Stride]:
    """The strides between contacts of one foot with one contact of the other in between."""
    places = _places_m(gait, feet)
    strides = []
    for first, other, last in zip(
        gait.contacts, gait.contacts[1:], gait.contacts[2:], strict=False
    ):
        time_s = last.on_s - first.on_s
        alternate = first.side == last.side != other.side
        if alternate and 2 * MIN_STEP_S <= time_s <= 2 * MAX_STEP_S:
            length_m = gait.speed_m_s * time_s if gait.treadmill else places[last] - places[first]
            swing_s = last.on_s - first.off_s
            strides.append(Stride(first.side, time_s, length_m, first.off_s - first.on_s, swing_s))
    return strides


def _places_m(gait: Gait, feet: Feet) -> dict[Contact, float]:
    """Forward position of the toe during each contact; none on a treadmill."""
    if gait.treadmill:
        return {}
    return {contact: _place_m(contact, gait, feet) for contact in gait.contacts}


def _place_m(contact: Contact, gait: Gait, feet: Feet) -> float:
    end_s = contact.off_s if np.isfinite(contact.off_s) else contact.on_s + 0.1
    middle_s = (contact.on_s + end_s) / 2
    late_s = middle_s if gait.kind == "run" else contact.on_s + 0.7 * (end_s - contact.on_s)
    places = feet.toes[contact.side][feet.rows(middle_s, max(late_s, middle_s + 0.03)), 0]
    return float(np.mean(places)) if len(places) else float("nan")


def at_contact(values: Float64, gait: Gait, feet: Feet) -> dict[str, Float64]:
    """Values (T,) at the contacts of each side."""
    times = {side: [c.on_s for c in gait.contacts if c.side == side] for side in SIDES}
    return {side: np.interp(times[side], feet.time_s, values) for side in SIDES}
