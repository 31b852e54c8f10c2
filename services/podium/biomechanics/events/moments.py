"""All events of a movement in one list, for event tables and motion capture files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from podium.biomechanics.events.movement import Movement


@dataclass(frozen=True, slots=True)
class Moment:
    """One event."""

    time_s: float
    kind: str  # contact, toe_off, take_off, landing
    side: str  # left, right, both


def moments_of(movement: Movement) -> list[Moment]:
    """The events of an athlete by time; empty if none can be found."""
    return sorted(_moments(movement), key=lambda moment: moment.time_s)


def _moments(movement: Movement) -> Iterator[Moment]:
    if not isinstance(movement.gait, str):
        for contact in movement.gait.contacts:
            yield Moment(contact.on_s, "contact", contact.side)
            if np.isfinite(contact.off_s):
                yield Moment(contact.off_s, "toe_off", contact.side)
    if not isinstance(movement.jumps, str):
        for jump in movement.jumps:
            yield Moment(jump.take_off_s, "take_off", "both")
            yield Moment(jump.landing_s, "landing", "both")
