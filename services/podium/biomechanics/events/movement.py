"""What an athlete does: the events of an analysis, each found once."""

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
    """What measures are found from. A text says why the clip does not show a part."""

    analysis: Analysis
    feet: Feet | str
    gait: Gait | str
    jumps: tuple[Jump, ...] | str
    repeats: Repeats | None = None  # of the gait and the jumps; None without feet


def movement_of(analysis: Analysis, corrections: Sequence[EventCorrection] = ()) -> Movement:
    """Find the feet, and the gait and the jumps in them; corrected where a person did so.

    Raises:
        InvalidInput: a correction names no event.
    """
    feet = feet_of(analysis)
    if isinstance(feet, str):
        corrected_gait(feet, corrections)  # says that there is nothing to correct
        corrected_jumps(feet, corrections)
        return Movement(analysis, feet, feet, feet)
    gait = corrected_gait(find_gait(feet), corrections)
    jumps = corrected_jumps(find_jumps(feet), corrections)
    return Movement(analysis, feet, gait, jumps, repeats_of(feet, gait, jumps))
