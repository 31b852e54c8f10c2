"""Joint and segment angles over time; definitions: ``podium.biomechanics.body.angles``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.biomechanics.body.angles import Angle
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.fit.primary import Source
from podium.biomechanics.measures.measure import Cell, Measure, compact
from podium.biomechanics.measures.registry import measured

_PLOTTED = ("knee_flexion", "hip_flexion", "ankle_dorsiflexion", "elbow_flexion", "trunk")
_IN_PLANE = (
    "Angle in the image plane of smoothed key points, as if the athlete faced right; definition "
    "of Pose2Sim (Pagnon, Domalain & Reveret 2021)."
)
_CHOSEN = (
    "Of a body fitted to the whole clip; within 15 degrees of a side view, for arms and for key "
    "points without 3D, the angle in the image plane of smoothed key points (definition of "
    "Pose2Sim, Pagnon, Domalain & Reveret 2021); none from the front or the rear. The column of "
    "the source says which."
)
_FITTED = (
    "Of an articulated body fitted to the key points of the whole clip; soles are level where both "
    "feet stand flat; none where unusable."
)


@measured(order=20)
def joint_and_segment_angles(movement: Movement) -> Iterator[Measure]:
    """Every chosen angle, its rate, its source, and the two angles to choose from."""
    analysis = movement.analysis
    for series in analysis.angles:
        angle, chosen = series.angle, series.chosen
        label = angle.name.replace("_", " ")
        joint = angle.kind == "joint_angle"
        plain = angle.name.removeprefix("left_").removeprefix("right_")
        fitted = angle.name in analysis.fit.angles.names
        sd = chosen.sd_deg[np.isfinite(chosen.sd_deg)]

        def cell(column: str, angle: Angle = angle) -> Cell:
            return Cell(kind=angle.kind, row=angle.name, column=column)

        yield Measure(
            name=f"{angle.name}_deg",
            label=label,
            unit="deg",
            method=_CHOSEN if fitted else _IN_PLANE,
            samples=chosen.degrees,
            sd=float(np.median(sd)) if len(sd) else None,
            reason=chosen.reason,
            digits=3,
            shown="report" if joint or plain in _PLOTTED else "tables",
            plot=plain.replace("_", " ").capitalize() if plain in _PLOTTED else "",
            cell=cell("angle_deg"),
        )
        yield Measure(
            name=f"{angle.name}_deg_s",
            label=f"{label}, angular velocity",
            unit="deg/s",
            method="Central differences of the angle, not across a change of its source.",
            samples=series.velocity_deg_s,
            reason=chosen.reason,
            digits=3,
            shown="tables",
            cell=cell("angular_velocity_deg_s"),
        )
        if not fitted:
            continue
        yield Measure(
            name=f"{angle.name}_sd_deg",
            label=f"{label}, standard uncertainty",
            unit="deg",
            method=(
                "Noise by the fit's covariance, and what key points and depth get wrong, as found "
                "on rendered clips."
            ),
            samples=chosen.sd_deg,
            reason=chosen.reason,
            digits=1,
            shown="tables",
            cell=cell("angle_sd_deg"),
        )
        yield Measure(
            name=f"{angle.name}_source",
            label=f"{label}, source",
            unit="",
            method="1: in the image plane; 2: of the fitted body; empty: there is no angle.",
            samples=compact(np.where(chosen.source == Source.NONE, np.nan, chosen.source)),
            reason=chosen.reason,
            digits=0,
            shown="tables",
            cell=cell("angle_source"),
        )
        for name, column, method, values in (
            ("in the image plane", "plane", _IN_PLANE, series.plane_deg),
            ("of the fitted body", "fit", _FITTED, series.fit_deg),
        ):
            yield Measure(
                name=f"{angle.name}_{column}_deg",
                label=f"{label}, {name}",
                unit="deg",
                method=method,
                samples=values,
                reason=chosen.reason if column == "fit" else "",
                digits=3,
                shown="tables",
                cell=cell(f"angle_{column}_deg"),
            )
