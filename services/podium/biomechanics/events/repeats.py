"""Simulated repetitions of a movement, for the uncertainties of events.

Each repetition adds the jitter of the tracks to them once more, finds the events again, and shifts
them by random errors of the method and of the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from podium.biomechanics.events.feet import Feet
from podium.biomechanics.events.gait import Gait, find_gait
from podium.biomechanics.events.jump import Jump, find_jumps
from podium.biomechanics.signals.noise import REPETITIONS, common_errors, jitters, noisy
from podium.types import Float64

METHOD_SD_S = MappingProxyType({"walk": (0.022, 0.008), "run": (0.009, 0.006)})
"""Standard uncertainty of contact and toe-off by the method, common to all events of an athlete.
Walking: Zeni against force plates. Running: 12 ms early to 17 ms late and 7 ms early to 19 ms late,
force plates and rendered runners."""

INTERPOLATION_FRAMES = 0.08
"""Standard uncertainty of a time between two frames, in frames, without noise of the key points."""

CORRECTED_FRAMES = 1 / np.sqrt(12)
"""Standard uncertainty of an event that a person sets to the nearest frame."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Repetitions of one movement; empty if there are no events to repeat."""

    feet: Feet
    sd_m: Float64  # (C,) jitter of the columns of the tracks
    gaits: tuple[Gait | str, ...]
    jumps: tuple[tuple[Jump, ...] | str, ...]

    def tracks(self, number: int) -> Feet:
        """The feet of a repetition."""
        return self.feet.with_columns(noisy(self.feet.columns(), self.sd_m, number))


def repeats_of(feet: Feet, gait: Gait | str, jumps: tuple[Jump, ...] | str) -> Repeats:
    """Repeat the search for events in the feet."""
    seen = Repeats(feet, jitters(feet.columns()), (), ())
    jumped = bool(jumps) and not isinstance(jumps, str)
    return replace(
        seen,
        gaits=tuple(_gaits(seen, gait)) if not isinstance(gait, str) else (),
        jumps=tuple(find_jumps(seen.tracks(number)) for number in range(REPETITIONS))
        if jumped
        else (),
    )


def _gaits(seen: Repeats, found: Gait) -> Iterator[Gait | str]:
    for number, errors in enumerate(common_errors(2)):
        gait = found if found.corrected else find_gait(seen.tracks(number))
        yield gait if isinstance(gait, str) else _moved(gait, errors, seen.feet.rate_hz, number)


def _moved(gait: Gait, errors: Float64, rate_hz: float, number: int) -> Gait:
    """The gait with a common error of the method, and an error of the frames on each contact."""
    common_s = errors * (0.0 if gait.corrected else np.array(METHOD_SD_S[gait.kind]))
    frames = CORRECTED_FRAMES if gait.corrected else INTERPOLATION_FRAMES
    times_s = np.array([(contact.on_s, contact.off_s) for contact in gait.contacts]) + common_s
    times_s = noisy(times_s, np.full(2, frames / rate_hz), number)
    contacts = tuple(
        replace(contact, on_s=float(on_s), off_s=float(off_s))
        for contact, (on_s, off_s) in zip(gait.contacts, times_s, strict=True)
    )
    return replace(gait, contacts=contacts)
