"""What a moving camera takes away: ways between frames, and so speeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.measure import Measure, unknown

CAMERA_MOVES = "the camera moves: ways in the picture are not those on the ground"

_SPEEDS = ("m/s", "m/s^2")
_WAYS = ("sprint_", "step_length", "stride_length", "jump_rise", "vertical_oscillation")
_TIMES = ("reactive_strength",)
"""In m/s, but from times alone."""

_PAST_FEET = ("gait_speed", "step_length", "stride_length")
"""Measured past the standing foot where the hips stay in the picture, so a camera may follow."""


def of_still_camera(movement: Movement, measures: Iterable[Measure]) -> Iterator[Measure]:
    """The measures; those that need a still camera without values, if the camera moves."""
    camera = movement.analysis.camera
    moves = camera is not None and camera.moves
    gait = movement.gait
    past_feet = not isinstance(gait, str) and gait.treadmill
    for measure in measures:
        if moves and _needs_it(measure) and not (past_feet and _is(measure, _PAST_FEET)):
            yield replace(
                measure,
                value=None,
                samples=None if measure.samples is None else unknown(measure.samples),
                sd=None,
                n=None,
                reason=CAMERA_MOVES,
            )
        else:
            yield measure


def _needs_it(measure: Measure) -> bool:
    return (measure.unit in _SPEEDS or _is(measure, _WAYS)) and not _is(measure, _TIMES)


def _is(measure: Measure, names: tuple[str, ...]) -> bool:
    return any(name in measure.name for name in names)
