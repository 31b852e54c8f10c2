"""What an athlete does: the events of an analysis, each found once."""

from __future__ import annotations

from dataclasses import dataclass

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.feet import Feet, feet_of
from podium.biomechanics.events.gait import Gait, find_gait
from podium.biomechanics.events.jump import Jump, find_jumps
from podium.biomechanics.events.repeats import Repeats, repeats_of


@dataclass(frozen=True, slots=True)
class Movement:
    """What measures are found from. A text says why the clip does not show a part."""

    analysis: Analysis
    feet: Feet | str
    gait: Gait | str
    jumps: tuple[Jump, ...] | str
    repeats: Repeats | None = None  # of the gait and the jumps; None without feet


def movement_of(analysis: Analysis) -> Movement:
    """Find the feet, and the gait and the jumps in them."""
    feet = feet_of(analysis)
    if isinstance(feet, str):
        return Movement(analysis, feet, feet, feet)
    gait, jumps = find_gait(feet), find_jumps(feet)
    return Movement(analysis, feet, gait, jumps, repeats_of(feet, gait, jumps))
