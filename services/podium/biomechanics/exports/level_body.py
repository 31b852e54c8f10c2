"""The fitted body in OpenSim's terms: level, turned to where the athlete faces.

X is ahead (where the pelvis faces, the median over the clip), Y up from the floor, Z to the right.
The origin is on the floor below the hips of the first known frame. Coordinates have the names,
signs and orders of rotation of the full-body model of Rajagopal et al. (2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.fit.result import BodyFit
from podium.types import Float64

LEAST_SHARE = 0.5
"""Share of the frames on which the fitted body must be usable to be exported."""

HIPS_IN_PELVIS_M = (-0.056, -0.079, 0.0)
"""Place of the middle of the hips in the pelvis of the generic model."""

_SIDED = {
    "hip_flexion": "hip_flexion",
    "hip_adduction": "hip_adduction",
    "hip_rotation": "hip_rotation",
    "knee_flexion": "knee_angle",
    "ankle_dorsiflexion": "ankle_angle",
    "subtalar": "subtalar_angle",
    "toe_extension": "mtp_angle",
    "shoulder_flexion": "arm_flex",
    "shoulder_adduction": "arm_add",
    "shoulder_rotation": "arm_rot",
    "elbow_flexion": "elbow_flex",
}
JOINT_COORDINATES = {
    f"{side}_{own}": f"{name}_{side[0]}"
    for side in ("right", "left")
    for own, name in _SIDED.items()
} | {name: name for name in ("lumbar_extension", "lumbar_bending", "lumbar_rotation")}
"""Coordinate of the fitted body -> coordinate of the model."""


@dataclass(frozen=True, slots=True)
class LevelBody:
    """One athlete over T frames; NaN where the fit is unusable."""

    points: tuple[str, ...]
    positions_m: Float64  # (T, P, 3)
    coordinates: dict[str, Float64]  # name in OpenSim -> (T,) degrees, metres for translations
    ahead: Float64  # (3, 3) turns the axes of the fit to these


def level_body(analysis: Analysis) -> LevelBody | None:
    """The fitted body; None if it is a guess (no 3D landmarks), or unusable on most frames."""
    fit = analysis.fit
    usable = fit.usable
    if fit.lifted or np.mean(usable) < LEAST_SHARE:
        return None
    yaw = fit.values[:, fit.coordinates.index("pelvis_yaw")]
    ahead = Rotation.from_euler("y", -float(np.median(yaw[usable])))
    positions = ahead.as_matrix() @ np.swapaxes(fit.positions_m, 1, 2)
    positions = np.swapaxes(positions, 1, 2)
    hips = [fit.points.index(f"{side}_hip") for side in ("right", "left")]
    middle = positions[:, hips].mean(axis=1)
    start = middle[np.argmax(usable)] * (1.0, 0.0, 1.0)
    coordinates = _pelvis(fit, ahead, middle - start)
    coordinates |= {
        name: np.degrees(fit.values[:, fit.coordinates.index(own)])
        for own, name in JOINT_COORDINATES.items()
    }
    return LevelBody(
        fit.points,
        np.where(usable[:, None, None], positions - start, np.nan),
        {name: np.where(usable, values, np.nan) for name, values in coordinates.items()},
        ahead.as_matrix(),
    )


def _pelvis(fit: BodyFit, ahead: Rotation, hips_m: Float64) -> dict[str, Float64]:
    """The six coordinates of the pelvis, which turns by tilt, list and rotation in this order."""
    order = [fit.coordinates.index(f"pelvis_{name}") for name in ("yaw", "tilt", "list")]
    turn = ahead * Rotation.from_euler("YZX", fit.values[:, order])
    tilt, sideways, rotation = np.degrees(np.unwrap(turn.as_euler("ZXY"), axis=0)).T
    place = hips_m - turn.apply(HIPS_IN_PELVIS_M)
    names = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
    return dict(zip(names, (tilt, sideways, rotation, *place.T), strict=True))
