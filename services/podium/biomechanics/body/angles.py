"""Joint and segment angles in the image plane.

Definitions follow Pose2Sim (Pagnon, Domalain & Reveret 2021; ``common.py``), with the left wrist
as the mirror of the right one. An angle is ``wrap((raw + offset) * sign)``. With y down, ``raw`` is

- two points: direction of p0 - p1,
- three points: from v = p2 - p1 to u = p0 - p1,
- four points: from v = p3 - p2 to u = p1 - p0.

Positive: dorsiflexion of the ankle, flexion of every other joint; segment angles are anticlockwise
from the horizontal. The athlete is first mirrored to face right (x negated when facing left), so a
movement has the same angles in both directions. Range (-180, 180]; pelvis and shoulders
(-90, 90].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from podium.biomechanics.signals.kinematics import rate_of_change
from podium.skeletons import Skeleton
from podium.types import Bool, Float64


@dataclass(frozen=True, slots=True)
class Angle:
    """One angle by name, and the joints that span it."""

    name: str
    kind: Literal["joint_angle", "segment_angle"]
    points: tuple[str, ...]
    offset_deg: float
    sign: float
    period_deg: float = 360.0


def _definitions() -> Iterator[Angle]:
    for side in ("left", "right"):
        ankle, knee, hip = f"{side}_ankle", f"{side}_knee", f"{side}_hip"
        toe, heel, index = f"{side}_big_toe", f"{side}_heel", f"{side}_index"
        shoulder, elbow, wrist = f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"
        joints = {
            "ankle_dorsiflexion": ((knee, ankle, toe, heel), 90, 1),
            "knee_flexion": ((ankle, knee, hip), -180, 1),
            "hip_flexion": ((knee, hip, "mid_hip", "neck"), 0, -1),
            "shoulder_flexion": ((elbow, shoulder, "mid_hip", "neck"), 0, -1),
            "elbow_flexion": ((wrist, elbow, shoulder), 180, -1),
            "wrist_flexion": ((elbow, wrist, index), -180, 1),
        }
        for name, (points, offset, sign) in joints.items():
            yield Angle(f"{side}_{name}", "joint_angle", points, offset, sign)
        segments = {
            "foot": (toe, heel),
            "shank": (ankle, knee),
            "thigh": (knee, hip),
            "arm": (elbow, shoulder),
            "forearm": (wrist, elbow),
            "hand": (index, wrist),
        }
        for name, ends in segments.items():
            yield Angle(f"{side}_{name}", "segment_angle", ends, 0, -1)
    yield Angle("pelvis", "segment_angle", ("left_hip", "right_hip"), 0, -1, 180)
    yield Angle("trunk", "segment_angle", ("neck", "mid_hip"), 0, -1)
    yield Angle("shoulders", "segment_angle", ("left_shoulder", "right_shoulder"), 0, -1, 180)
    yield Angle("head", "segment_angle", ("head", "neck"), 0, -1)


ANGLES = tuple(_definitions())


def angles_of(skeleton: Skeleton) -> tuple[Angle, ...]:
    """The angles whose joints the skeleton has."""
    return tuple(angle for angle in ANGLES if all(skeleton.has(joint) for joint in angle.points))


def angle_in_plane(
    angle: Angle, positions: Float64, facing: Float64, skeleton: Skeleton
) -> Float64:
    """One angle over time, in degrees.

    Args:
        angle: The angle.
        positions: (T, J, 2) pixels, y down.
        facing: (T,) +1 facing right, -1 facing left.
        skeleton: Names the J columns.

    Returns:
        (T,), NaN where a joint is NaN.
    """
    turn = np.stack([facing, np.ones_like(facing)], axis=-1)
    u, v = _arms([skeleton.take(positions, joint) * turn for joint in angle.points])
    cross = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    raw = np.degrees(-np.arctan2(cross, np.sum(u * v, axis=-1)))
    return wrap((raw + angle.offset_deg) * angle.sign, angle.period_deg)


def _arms(p: Sequence[Float64]) -> tuple[Float64, Float64]:
    if len(p) == 2:
        u = p[0] - p[1]
        return u, np.broadcast_to(np.eye(u.shape[-1])[0], u.shape)
    if len(p) == 3:
        return p[0] - p[1], p[2] - p[1]
    return p[1] - p[0], p[3] - p[2]


def wrap(degrees: Float64, period: float = 360.0) -> Float64:
    """Wrap angles into (-period/2, period/2]."""
    return np.asarray(period / 2 - np.mod(period / 2 - degrees, period))


def angular_velocity(
    degrees: Float64, time_s: Float64, breaks: Bool, period: float = 360.0
) -> Float64:
    """Degrees per second of an angle (T,); the step from 180 to -180 is unwrapped."""
    unwrapped = degrees.copy()
    known = np.isfinite(degrees)
    unwrapped[known] = np.unwrap(degrees[known], period=period)
    return np.asarray(rate_of_change(unwrapped[:, None], time_s, breaks)[:, 0])
