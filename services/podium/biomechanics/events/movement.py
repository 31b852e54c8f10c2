"""The movement of an athlete: the events of an analysis, each found once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.corrected import check_times, corrected_gait, corrected_jumps
from podium.biomechanics.events.feet import Feet
from podium.biomechanics.events.find_feet import feet_of, upright_feet
from podium.biomechanics.events.gait import Gait, find_gait
from podium.biomechanics.events.jump import Jump, find_jumps
from podium.biomechanics.events.repeats import (
    GaitRepeats,
    JumpRepeats,
    gait_repeats,
    jump_repeats,
)
from podium.schemas.corrections import EventCorrection


@dataclass(frozen=True, slots=True)
class Movement:
    """The input of measures. A text is the reason why the clip does not show a part."""

    analysis: Analysis
    feet: Feet | str  # of the gait
    gait: Gait | str
    jumping: Feet | str  # of the jumps
    jumps: tuple[Jump, ...] | str
    gait_repeats: GaitRepeats | None = None  # None without a gait
    jump_repeats: JumpRepeats | None = None  # None without jumps


def movement_of(analysis: Analysis, corrections: Sequence[EventCorrection] = ()) -> Movement:
    """Find the feet, their gait and jumps, and apply the corrections by hand.

    Raises:
        InvalidInput: a correction names an event that does not exist, or a time out of sight.
    """
    feet, jumping = feet_of(analysis), upright_feet(analysis)
    gait = feet if isinstance(feet, str) else find_gait(feet)
    gait = corrected_gait(gait, corrections)
    jumps = jumping if isinstance(jumping, str) else find_jumps(jumping)
    jumps = corrected_jumps(jumps, corrections)
    check_times(corrections, analysis.trajectory.time_s)
    return Movement(
        analysis,
        feet,
        gait,
        jumping,
        jumps,
        None if isinstance(feet, str) or isinstance(gait, str) else gait_repeats(feet, gait),
        None
        if isinstance(jumping, str) or isinstance(jumps, str) or not jumps
        else jump_repeats(jumping),
    )
