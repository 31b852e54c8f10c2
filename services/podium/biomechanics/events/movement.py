"""The movement of an athlete: the events of an analysis, each found once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.corrected import corrected_gait, corrected_jumps
from podium.biomechanics.events.feet import Feet, feet_of
from podium.biomechanics.events.gait import Gait, find_gait
from podium.biomechanics.events.jump import Jump, find_jumps
from podium.biomechanics.events.repeats import Repeats, repeats_of
from podium.schemas.corrections import EventCorrection


@dataclass(frozen=True, slots=True)
class Movement:
    """The input of measures. A text is the reason why the clip does not show a part."""

    analysis: Analysis
    feet: Feet | str
    gait: Gait | str
    jumps: tuple[Jump, ...] | str
    repeats: Repeats | None = None  # repetitions of gait and jumps; None without feet


def movement_of(analysis: Analysis, corrections: Sequence[EventCorrection] = ()) -> Movement:
    """Find the feet, their gait and jumps, and apply the corrections by hand.

    Raises:
        InvalidInput: a correction names an event that does not exist.
    """
    feet = feet_of(analysis)
    if isinstance(feet, str):
        corrected_gait(feet, corrections)  # says that there is nothing to correct
        corrected_jumps(feet, corrections)
        return Movement(analysis, feet, feet, feet)
    gait = corrected_gait(find_gait(feet), corrections)
    jumps = corrected_jumps(find_jumps(feet), corrections)
    return Movement(analysis, feet, gait, jumps, repeats_of(feet, gait, jumps))
