"""All moments of a movement in one list: what event tables and files of motion capture hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.feet import feet_of
from podium.biomechanics.events.gait import find_gait
from podium.biomechanics.events.jump import find_jumps


@dataclass(frozen=True, slots=True)
class Moment:
    """One event."""

    time_s: float
    kind: str  # contact, toe_off, take_off, landing
    side: str  # left, right, both


def moments_of(analysis: Analysis) -> list[Moment]:
    """The events of an athlete in the order of time; empty where none can be found."""
    return sorted(_moments(analysis), key=lambda moment: moment.time_s)


def _moments(analysis: Analysis) -> Iterator[Moment]:
    feet = feet_of(analysis)
    if isinstance(feet, str):
        return
    gait = find_gait(feet)
    if not isinstance(gait, str):
        for contact in gait.contacts:
            yield Moment(contact.on_s, "contact", contact.side)
            if np.isfinite(contact.off_s):
                yield Moment(contact.off_s, "toe_off", contact.side)
    jumps = find_jumps(feet)
    if not isinstance(jumps, str):
        for jump in jumps:
            yield Moment(jump.take_off_s, "take_off", "both")
            yield Moment(jump.landing_s, "landing", "both")
