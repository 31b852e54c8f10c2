"""Position, velocity and acceleration of every joint, in pixels and in metres of the plane."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.measure import Cell, Measure, compact, unknown
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.kinematics import rate_of_change
from podium.types import Floats

_DERIVED_JOINTS = ("mid_hip", "neck")
_QUANTITIES = (
    ("x", "position to the right"),
    ("y", "position downwards"),
    ("vx", "velocity to the right"),
    ("vy", "velocity downwards"),
    ("speed", "speed"),
    ("ax", "acceleration to the right"),
    ("ay", "acceleration downwards"),
    ("acceleration", "acceleration"),
)
_PIXELS = ("px", "px", "px/s", "px/s", "px/s", "px/s^2", "px/s^2", "px/s^2")
_METHOD = (
    "Key point without outliers, short gaps filled, smoothed; central differences of second order."
)
_IN_METRES = _METHOD + " Times the scale; origin at the top left of the picture."
NO_SCALE = "there is no scale: give the athlete's height, a known distance or 3D key points"


@measured(order=10)
def joint_kinematics(movement: Movement) -> Iterator[Measure]:
    """16 series of every joint of the skeleton, the middle of the hips, and the neck."""
    analysis = movement.analysis
    m_per_px = analysis.scale.m_per_px
    own = analysis.skeleton.joints
    for joint in (*own, *(name for name in _DERIVED_JOINTS if name not in own)):
        for (quantity, words), unit, in_px in zip(
            _QUANTITIES, _PIXELS, _kinematics(analysis, joint), strict=True
        ):
            label = f"{joint.replace('_', ' ')}, {words}"
            in_plane = f"{quantity}_plane" if quantity in ("x", "y") else quantity
            yield _series(_cell(joint, quantity, unit), label, unit, in_px)
            unit_m = unit.replace("px", "m")
            in_m = unknown(in_px) if m_per_px is None else in_px
            factor = m_per_px or 1.0
            yield _series(_cell(joint, in_plane, unit_m), label, unit_m, in_m, factor)


def _cell(joint: str, quantity: str, unit: str) -> Cell:
    suffix = unit.replace("/", "_").replace("^", "")
    return Cell(kind="joint", row=joint, column=f"{quantity}_{suffix}")


def _series(cell: Cell, label: str, unit: str, samples: Floats, factor: float = 1.0) -> Measure:
    pixels = unit.startswith("px")
    known = pixels or bool(np.isfinite(samples).any())
    return Measure(
        name=f"{cell.row}_{cell.column}",
        label=label,
        unit=unit,
        method=_METHOD if pixels else _IN_METRES,
        samples=samples,
        factor=factor,
        digits=3 if pixels else 4,
        reason="" if known else NO_SCALE,
        shown="tables",
        cell=cell,
    )


def _kinematics(analysis: Analysis, joint: str) -> Iterator[Floats]:
    """The ``_QUANTITIES`` in their order, (T,) each, pixels. Some are views of the analysis."""
    take = analysis.skeleton.take
    velocity = take(analysis.velocity, joint)
    acceleration = rate_of_change(velocity, analysis.trajectory.time_s, analysis.breaks)
    yield from take(analysis.plane.positions, joint).T
    yield from velocity.T
    yield compact(np.linalg.norm(velocity, axis=-1))
    yield from compact(acceleration).T
    yield compact(np.linalg.norm(acceleration, axis=-1))
