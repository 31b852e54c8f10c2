"""The centre of mass over time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.biomechanics.body.centre_of_mass import centre_of_mass
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.joints import NO_SCALE
from podium.biomechanics.measures.measure import Cell, Measure, unknown
from podium.biomechanics.measures.registry import measured
from podium.biomechanics.signals.kinematics import rate_of_change

_METHOD = (
    "Segments of de Leva 1996, mean of women and men; head at the middle of the ears or the nose."
)
_NO_JOINTS = "a joint of the body is never seen, or the key points have no head"


@measured(order=40)
def mass_centre(movement: Movement) -> Iterator[Measure]:
    """Position, velocity and speed, in pixels and in metres of the plane."""
    analysis = movement.analysis
    position = centre_of_mass(analysis.plane.positions, analysis.skeleton)
    filtered = np.where(analysis.plane.filtered[..., None], analysis.plane.positions, np.nan)
    steady = centre_of_mass(filtered, analysis.skeleton)
    velocity = rate_of_change(steady, analysis.trajectory.time_s, analysis.breaks)
    speed = np.linalg.norm(velocity, axis=-1)
    m_per_px = analysis.scale.m_per_px
    series = (
        ("x", "position to the right", "", position[:, 0]),
        ("y", "position downwards", "", position[:, 1]),
        ("vx", "velocity to the right", "/s", velocity[:, 0]),
        ("vy", "velocity downwards", "/s", velocity[:, 1]),
        ("speed", "speed", "/s", speed),
    )
    for unit, factor, digits in (("px", 1.0, 3), ("m", m_per_px, 4)):
        for quantity, words, per, values in series:
            plane = "_plane" if unit == "m" and not per else ""
            column = f"{quantity}{plane}_{unit}{per.replace('/', '_')}"
            yield Measure(
                name=f"centre_of_mass_{column}",
                label=f"Centre of mass, {words}",
                unit=f"{unit}{per}",
                method=_METHOD,
                samples=unknown(values) if factor is None else values,
                factor=factor or 1.0,
                digits=digits,
                reason=NO_SCALE if factor is None else _NO_JOINTS,
                shown="tables",
                cell=Cell(kind="body", row="centre_of_mass", column=column),
            )
