"""Joint and segment angles over time; definitions: ``podium.biomechanics.body.angles``."""

from __future__ import annotations

from collections.abc import Iterator

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.measures.measure import Cell, Measure
from podium.biomechanics.measures.registry import measured

_PLOTTED = ("knee_flexion", "hip_flexion", "ankle_dorsiflexion", "elbow_flexion", "trunk")
_IN_PLANE = (
    "Angle in the image plane of smoothed key points, as if the athlete faced right; definition "
    "of Pose2Sim (Pagnon, Domalain & Reveret 2021)."
)


@measured(order=20)
def plane_angles(analysis: Analysis) -> Iterator[Measure]:
    """Every angle in the image plane, its rate, and the angle of joints in space."""
    for series in analysis.angles:
        angle = series.angle
        label = angle.name.replace("_", " ")
        joint = angle.kind == "joint_angle"
        plain = angle.name.removeprefix("left_").removeprefix("right_")
        yield Measure(
            name=f"{angle.name}_deg",
            label=label,
            unit="deg",
            method=_IN_PLANE,
            values=series.degrees,
            digits=3,
            shown="report" if joint or plain in _PLOTTED else "tables",
            plot=plain.replace("_", " ").capitalize() if plain in _PLOTTED else "",
            cell=Cell(kind=angle.kind, row=angle.name, column="angle_deg"),
        )
        yield Measure(
            name=f"{angle.name}_deg_s",
            label=f"{label}, angular velocity",
            unit="deg/s",
            method="Central differences of the angle in the image plane.",
            values=series.velocity_deg_s,
            digits=3,
            shown="tables",
            cell=Cell(kind=angle.kind, row=angle.name, column="angular_velocity_deg_s"),
        )
        if joint:
            yield Measure(
                name=f"{angle.name}_3d_deg",
                label=f"{label}, in space",
                unit="deg",
                method="Unsigned angle between the segments in space, of 3D key points.",
                values=series.degrees_3d,
                digits=3,
                shown="tables",
                cell=Cell(kind=angle.kind, row=angle.name, column="angle_3d_deg"),
            )
