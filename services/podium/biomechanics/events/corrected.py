"""Applies corrections by hand to the events."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from podium.biomechanics.events.feet import SIDES
from podium.biomechanics.events.gait import Contact, Gait
from podium.biomechanics.events.jump import Jump
from podium.errors import InvalidInput
from podium.schemas.corrections import EventCorrection
from podium.types import Float64

FIELD = "corrections.json"
_NEAR_S = 0.1
"""Largest difference between the time in a correction and that of the automatic event, and largest
time of a corrected event before or after the athlete is seen."""


def check_times(corrections: Sequence[EventCorrection], time_s: Float64) -> None:
    """Check that corrected events are at times (T,) at which the athlete is seen.

    Raises:
        InvalidInput: one is not.
    """
    for each in corrections:
        at_s = each.corrected_s
        if at_s is not None and not time_s[0] - _NEAR_S <= at_s <= time_s[-1] + _NEAR_S:
            raise InvalidInput(
                f"{each.event} ({each.side}) cannot be at {at_s:g} s: the athlete is seen from "
                f"{time_s[0]:g} to {time_s[-1]:g} s",
                field=FIELD,
            )


def corrected_gait(gait: Gait | str, corrections: Sequence[EventCorrection]) -> Gait | str:
    """The gait with contacts and toe-offs moved, removed and added.

    Raises:
        InvalidInput: there is no gait to correct, or a correction names no event.
    """
    own = [each for each in corrections if each.side != "both"]
    if not own:
        return gait
    if isinstance(gait, str):
        raise InvalidInput(f"there are no contacts to correct: {gait}", field=FIELD)
    contacts = [contact for side in SIDES for contact in _contacts(gait, side, own)]
    if len(contacts) < 2:
        raise InvalidInput("leaves fewer than two contacts", field=FIELD)
    ordered = tuple(sorted(contacts, key=lambda contact: contact.on_s))
    return replace(gait, contacts=ordered, corrected=True)


def corrected_jumps(
    jumps: tuple[Jump, ...] | str, corrections: Sequence[EventCorrection]
) -> tuple[Jump, ...] | str:
    """The jumps with take-offs and landings moved, removed and added.

    Raises:
        InvalidInput: the clip cannot have jumps, or a correction names no event.
    """
    own = [each for each in corrections if each.side == "both"]
    if not own:
        return jumps
    if isinstance(jumps, str):
        raise InvalidInput(f"there are no jumps to correct: {jumps}", field=FIELD)
    starts = _corrected([j.take_off_s for j in jumps], [c for c in own if c.event == "take_off"])
    ends = _corrected([j.landing_s for j in jumps], [c for c in own if c.event == "landing"])
    return tuple(Jump(a, b) for a, b in _pairs(starts, ends) if np.isfinite(b))


def _contacts(gait: Gait, side: str, own: Sequence[EventCorrection]) -> Iterator[Contact]:
    found = [contact for contact in gait.contacts if contact.side == side]
    of_side = [each for each in own if each.side == side]
    starts = _corrected([c.on_s for c in found], [c for c in of_side if c.event == "contact"])
    known = [c.off_s for c in found if np.isfinite(c.off_s)]
    ends = _corrected(known, [c for c in of_side if c.event == "toe_off"])
    for on_s, off_s in _pairs(starts, ends):
        yield Contact(side, on_s, off_s)


def _corrected(times_s: Sequence[float], corrections: Sequence[EventCorrection]) -> list[float]:
    """The sorted times after every correction is applied to the automatic time it names."""
    left, changed = list(times_s), []
    for each in corrections:
        if (named_s := each.time_s) is not None:
            far_s = [abs(time_s - named_s) for time_s in left]
            near = left[int(np.argmin(far_s))] if left else np.inf
            if abs(near - named_s) > _NEAR_S:
                words = f"{each.event} ({each.side}) at {named_s:g} s"
                raise InvalidInput(f"there is no {words}; see events.csv", field=FIELD)
            left.remove(near)
        if each.corrected_s is not None:
            changed.append(each.corrected_s)
    return sorted([*left, *changed])


def _pairs(starts: Sequence[float], ends: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Pair each start with the first end before the next start; NaN if there is none."""
    later = [*ends, np.inf]
    for start, following in zip(starts, [*starts, np.inf][1:], strict=True):
        end = later[bisect_right(ends, start)]
        yield start, end if end < following else float("nan")
