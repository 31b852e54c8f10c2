"""Simulated repetitions of a movement, for the uncertainties of events.

Each repetition adds the jitter of the tracks to them once more, finds the events again, and shifts
them by random errors of the method and of the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from podium.biomechanics.events.feet import SIDES, Feet
from podium.biomechanics.events.gait import Gait, find_gait
from podium.biomechanics.events.jump import Jump, find_jumps
from podium.biomechanics.signals.noise import REPETITIONS, common_errors, jitters, lasting, noisy
from podium.types import Float64

METHOD_SD_S = MappingProxyType({"walk": (0.022, 0.008), "run": (0.009, 0.006)})
FITTED_METHOD_SD_S = MappingProxyType({"walk": (0.022, 0.015), "run": (0.025, 0.012)})
"""Standard uncertainty of contact and toe-off by the method, common to all events of an athlete.
Walking: Zeni against force plates. Running: 12 ms early to 17 ms late and 7 ms early to 19 ms late,
force plates and rendered runners. Of a fitted body: rendered runners, 25 to 30 ms early to 12 ms
late; a public phone clip with motion capture."""

HEEL_METHOD_SD_S = (0.018, 0.006)
"""Of runners who land on the heel: a simulated foot that lands smoothly at 15 to 25 degrees has its
contacts 16 to 23 ms early. Nobody was measured on force plates."""

EVENT_SD_S = MappingProxyType({"walk": (0.005, 0.003), "run": (0.0015, 0.003)})
"""What differs from event to event beyond the white noise of the key points: errors of the method,
and in running those of a pose model that last several frames. Walking: Zeni against force plates,
contacts 17 to 28 ms early. Running: rendered runners with estimated key points scatter within a
clip by 2.4 ms at contact and 5.3 ms at toe-off (35 contacts on 11 clips), of which white noise
explains 2 and 4.5."""

FOOT_SD = 0.006
"""Errors of a pose model at toes and heels that last for some frames, in heights: 1 cm. Contacts of
walking are found where feet turn round slowly, which such errors move; those of running have them
in ``EVENT_SD_S``."""

TOES_APART = 0.012
"""Standard uncertainty of the way between the toes of both feet, in heights, common to all steps. A
pose model puts the far toe farther ahead than the near one: 1.7 cm, with 1.4 cm of scatter, on
eleven rendered clips."""

INTERPOLATION_FRAMES = 0.08
"""Standard uncertainty of a time between two frames, in frames, without noise of the key points."""

FITTED_SD_S = 0.015
"""Further standard uncertainty of each event of a fitted body, whose tracks have no white noise."""

CORRECTED_FRAMES = 1 / np.sqrt(12)
"""Standard uncertainty of an event that a person sets to the nearest frame."""


@dataclass(frozen=True, slots=True)
class _Tracks:
    """Tracks with the jitter of their columns."""

    feet: Feet
    sd_m: Float64  # (C,)
    foot_m: float = 0.0  # errors of toes and heels that last

    def tracks(self, number: int) -> Feet:
        """The feet of a repetition."""
        feet = self.feet.with_columns(noisy(self.feet.columns(), self.sd_m, number))
        if feet.forward != "picture":
            return feet
        feet = self._with_lasting(feet, number) if self.foot_m else feet
        apart_m = common_errors(3)[number, 2] * TOES_APART * feet.stature_m
        moved = zip(SIDES, (-apart_m / 2, apart_m / 2), strict=True)
        return replace(feet, toes={side: feet.toes[side] + [ahead, 0] for side, ahead in moved})

    def _with_lasting(self, feet: Feet, number: int) -> Feet:
        errors = self.foot_m * lasting((len(feet.time_s), 8), feet.rate_hz, number)
        heel, other_heel, toe, other_toe = np.split(errors, 4, axis=1)
        return replace(
            feet,
            heels={"left": feet.heels["left"] + heel, "right": feet.heels["right"] + other_heel},
            toes={"left": feet.toes["left"] + toe, "right": feet.toes["right"] + other_toe},
        )


@dataclass(frozen=True, slots=True)
class GaitRepeats(_Tracks):
    """Repetitions of a walk or a run."""

    gaits: tuple[Gait | str, ...] = ()


@dataclass(frozen=True, slots=True)
class JumpRepeats(_Tracks):
    """Repetitions of jumps."""

    jumps: tuple[tuple[Jump, ...] | str, ...] = ()


def gait_repeats(feet: Feet, gait: Gait) -> GaitRepeats:
    """Repeat the search for contacts; those corrected by hand stay."""
    foot_m = FOOT_SD * feet.stature_m if gait.kind == "walk" else 0.0
    seen = GaitRepeats(feet, jitters(feet.columns()), foot_m)
    return replace(seen, gaits=tuple(_gaits(seen, gait)))


def jump_repeats(feet: Feet) -> JumpRepeats:
    """Repeat the search for jumps."""
    seen = JumpRepeats(feet, jitters(feet.columns()))
    jumps = tuple(find_jumps(seen.tracks(number)) for number in range(REPETITIONS))
    return replace(seen, jumps=jumps)


def _gaits(seen: GaitRepeats, found: Gait) -> Iterator[Gait | str]:
    for number, errors in enumerate(common_errors(2)):
        gait = found if found.corrected else find_gait(seen.tracks(number))
        yield gait if isinstance(gait, str) else _moved(gait, errors, seen.feet, number)


def _moved(gait: Gait, errors: Float64, feet: Feet, number: int) -> Gait:
    """The gait with a common error of the method, and an error of its own on each contact."""
    if gait.corrected:
        common_s, own_s = np.zeros(2), np.full(2, CORRECTED_FRAMES / feet.rate_hz)
    else:
        fitted = feet.forward == "body"
        method_s = (FITTED_METHOD_SD_S if fitted else METHOD_SD_S)[gait.kind]
        common_s = errors * (HEEL_METHOD_SD_S if gait.heel_first and not fitted else method_s)
        by_itself_s = np.full(2, FITTED_SD_S) if fitted else np.array(EVENT_SD_S[gait.kind])
        own_s = np.hypot(INTERPOLATION_FRAMES / feet.rate_hz, by_itself_s)
    times_s = np.array([(contact.on_s, contact.off_s) for contact in gait.contacts])
    times_s = noisy(times_s + common_s, own_s, number)
    contacts = tuple(
        replace(contact, on_s=float(on_s), off_s=float(off_s))
        for contact, (on_s, off_s) in zip(gait.contacts, times_s, strict=True)
    )
    return replace(gait, contacts=contacts)
