"""Measures that only the fitted body gives: lean and tilt, level joints, feet on the ground."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.biomechanics.events.movement import Movement
from podium.biomechanics.fit.result import REASONS, Why
from podium.biomechanics.measures.measure import Cell, Measure, compact
from podium.biomechanics.measures.registry import measured

_FIT = "Of an articulated body fitted to the key points of the whole clip."
_BODY = {
    "trunk_lean": f"{_FIT} Forwards positive; mid-hip to mid-shoulder.",
    "pelvis_tilt": f"{_FIT} Forwards negative; an estimate, 0.7 of the lean of the trunk.",
}
_LEVEL = (
    f"{_FIT} x to the right, y up from the floor, z towards the camera; right as far as the "
    "standing height is."
)
_CONTACT = (
    "1: stands. Slower in the picture than 0.12 standing heights per second, and not in the air."
)


@measured(order=30)
def lean_and_tilt(movement: Movement) -> Iterator[Measure]:
    """Trunk and pelvis in the sagittal plane."""
    analysis = movement.analysis
    angles = analysis.fit.angles
    for name, method in _BODY.items():
        column = angles.names.index(name)
        values, why = angles.of(name), angles.why[:, column]
        known = np.isfinite(values)
        worst = why[~known]
        yield Measure(
            name=f"{name}_deg",
            label=name.replace("_", " "),
            unit="deg",
            method=method,
            samples=values,
            sd=float(np.median(angles.sd_deg[known, column])) if known.any() else None,
            reason=REASONS[Why(int(worst[0]))] if len(worst) and worst[0] else "",
            digits=3,
            cell=Cell(kind="body_angle", row=name, column="angle_deg"),
        )


@measured(order=31)
def level_joints(movement: Movement) -> Iterator[Measure]:
    """The joints of the fitted body, metres in a level frame."""
    analysis = movement.analysis
    fit = analysis.fit
    usable = fit.usable
    for column, point in enumerate(fit.points):
        for axis, letter in enumerate("xyz"):
            yield Measure(
                name=f"{point}_{letter}_level_m",
                label=f"{point.replace('_', ' ')}, {letter} in the level frame",
                unit="m",
                method=_LEVEL,
                samples=compact(np.where(usable, fit.positions_m[:, column, axis], np.nan)),
                digits=4,
                shown="tables",
                cell=Cell(kind="level_joint", row=point, column=f"{letter}_level_m"),
            )


@measured(order=32)
def contacts(movement: Movement) -> Iterator[Measure]:
    """Heels, balls and toes on the ground."""
    analysis = movement.analysis
    fit = analysis.fit
    known = np.isfinite(fit.values).all(axis=1)
    for column, point in enumerate(fit.contact_points):
        yield Measure(
            name=f"{point}_contact",
            label=f"{point.replace('_', ' ')} on the ground",
            unit="",
            method=_CONTACT,
            samples=compact(np.where(known, fit.contacts[:, column], np.nan)),
            digits=0,
            shown="tables",
            cell=Cell(kind="level_joint", row=point, column="on_ground"),
        )
