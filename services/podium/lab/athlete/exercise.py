"""Squats and jumps as formulas: the 3D joints of the whole body from the time.

World axes as in ``gait.py``: x forward, y to the athlete's left, z up; metres; ground at z = 0. The
toes stay where they are while the feet are down. The height of the hips is a smooth curve; the legs
follow by inverse kinematics, and the trunk leans forward as the hips go down and back. In the air
the body keeps its shape and falls freely, so its centre rises by what the hips rise.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation

from podium.lab.athlete.gait import JOINTS, Motion
from podium.lab.athlete.posture import (
    FACE,
    FOREARM,
    HEEL_FROM_ANKLE,
    HIP_HALF_WIDTH,
    SHANK,
    SHOULDER_HALF_WIDTH,
    SKULL_FROM_CHEST,
    THIGH,
    TOE_FROM_ANKLE,
    TOE_HEIGHT,
    TRUNK,
    UPPER_ARM,
)

Floats = NDArray[np.float64]

GRAVITY_M_S2 = 9.81
_STRETCHED = 0.985 * (THIGH + SHANK)  # from hip to ankle of a standing leg, per body height
_ANKLE = TOE_HEIGHT - TOE_FROM_ANKLE[1]  # height of the ankle of a flat foot, per body height
STANDING = _ANKLE + _STRETCHED  # height of the hips, per body height
_TIPTOE_DEG = 45.0  # pitch of the feet in the air
_STANCE = 0.075  # half the distance of the feet, per body height


class _OnTheSpot:
    """What a run has and exercises do not."""

    speed_m_s: ClassVar[float] = 0.0
    duty: ClassVar[float] = 0.0


@dataclass(frozen=True)
class Squats(_OnTheSpot):
    """Squats one after the other; each begins and ends standing.

    Attributes:
        depth_m: How far the hips go down.
        period_s: Time of one squat.
        height_m: Standing height.
    """

    depth_m: float = 0.42
    period_s: float = 2.0
    height_m: float = 1.80

    def hips_m(self, time_s: Floats) -> Floats:
        """Height [T] of the hips."""
        down = (1 - np.cos(2 * np.pi * time_s / self.period_s)) / 2
        return np.asarray(STANDING * self.height_m - self.depth_m * down)

    @property
    def stride_hz(self) -> float:
        """Squats per second."""
        return 1 / self.period_s


@dataclass(frozen=True)
class Jumps(_OnTheSpot):
    """Counter-movement jumps on the spot, one after the other.

    Attributes:
        rise_m: How far the body rises in the air.
        dip_m: How far the hips go down before take-off and after landing.
        height_m: Standing height.
    """

    rise_m: float = 0.30
    dip_m: float = 0.28
    height_m: float = 1.80

    @property
    def take_off_m_s(self) -> float:
        """Vertical speed at take-off."""
        return float(np.sqrt(2 * GRAVITY_M_S2 * self.rise_m))

    @property
    def flight_s(self) -> float:
        """Time in the air."""
        return 2 * self.take_off_m_s / GRAVITY_M_S2

    @property
    def take_off_s(self) -> float:
        """Time of the first take-off, from standing."""
        return 0.3 + 0.45 + 0.32

    @property
    def period_s(self) -> float:
        """Time of one jump, from standing to standing."""
        return self.take_off_s + self.flight_s + 0.25 + 0.45

    @property
    def stride_hz(self) -> float:
        """Jumps per second."""
        return 1 / self.period_s

    def hips_m(self, time_s: Floats) -> Floats:
        """Height [T] of the hips."""
        standing = STANDING * self.height_m
        leaves = self.height_m * float(_over(np.radians([_TIPTOE_DEG]))[0])
        off, speed = self.take_off_s, self.take_off_m_s
        lands = off + self.flight_s
        knots = np.array(
            [
                (0.0, standing, 0.0),
                (0.3, standing, 0.0),
                (0.75, standing - self.dip_m, 0.0),
                (off, leaves, speed),
                (lands, leaves, -speed),
                (lands + 0.25, standing - self.dip_m, 0.0),
                (self.period_s, standing, 0.0),
            ]
        )
        at = time_s % self.period_s
        on_ground = CubicHermiteSpline(*knots.T)(at)
        since = at - off
        in_air = leaves + speed * since - GRAVITY_M_S2 / 2 * since**2
        return np.asarray(np.where((since > 0) & (at < lands), in_air, on_ground))


Exercise = Squats | Jumps


def exercise(what: Exercise, time_s: Floats) -> Motion:
    """Joints at the given times; the toes are at x = 0 plus the length of the foot."""
    hips_m = what.hips_m(time_s) / what.height_m  # all lengths are per body height
    pitch = _pitch(hips_m)
    ankle = _ankle(pitch)
    air = np.maximum(hips_m - _over(np.radians([_TIPTOE_DEG])), 0.0)
    ankle[:, 1] += air
    sunk = np.maximum(STANDING - hips_m, 0.0)
    hip = np.stack([-0.55 * sunk, hips_m], axis=-1)
    knee, flexion = _knee(hip, ankle)
    lean = Rotation.from_euler("y", (np.minimum(1.9 * sunk, 0.9) + 0.03)[:, None])
    points: dict[str, Floats] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for name, planar, wide in (
            ("hip", hip, HIP_HALF_WIDTH),
            ("knee", knee, (HIP_HALF_WIDTH + _STANCE) / 2),
            ("ankle", ankle, _STANCE),
            ("heel", ankle + _turned(pitch, HEEL_FROM_ANKLE), _STANCE),
            ("foot_index", ankle + _turned(pitch, TOE_FROM_ANKLE), _STANCE),
        ):
            points[f"{side}_{name}"] = _at(planar, sign * wide)
    points |= _upper_body(_at(hip, 0.0), lean, sunk)
    straight = np.tile(np.eye(3), (len(time_s), 1, 1))
    return Motion(
        joints_m=what.height_m * np.stack([points[name] for name in JOINTS], axis=1),
        pelvis=lean.as_matrix(),
        thorax=lean.as_matrix(),
        head=straight,
        knee_flexion_deg=np.degrees(np.stack([flexion, flexion], axis=1)),
        contact=np.tile((air < 1e-9)[:, None], (1, 2)),
    )


def _at(planar: Floats, aside: float) -> Floats:
    """Points [T, 3] from forward and up [T, 2]."""
    return np.stack([planar[:, 0], np.full(len(planar), aside), planar[:, 1]], axis=-1)


def _turned(pitch: Floats, offset: tuple[float, float]) -> Floats:
    """An offset [T, 2] of a foot whose heel is lifted by ``pitch`` (rad)."""
    cos, sin = np.cos(pitch), np.sin(pitch)
    forward, up = offset
    return np.stack([cos * forward + sin * up, -sin * forward + cos * up], axis=-1)


def _ankle(pitch: Floats) -> Floats:
    """Ankle [T, 2] of a foot that stands on the toes; a flat one's is at x = 0."""
    toe = np.array([TOE_FROM_ANKLE[0], TOE_HEIGHT])
    return np.asarray(toe - _turned(pitch, TOE_FROM_ANKLE))


def _over(pitch: Floats) -> Floats:
    """Height [T] of the hips, over the ankle of a flat foot, of a stretched leg."""
    ankle = _ankle(pitch)
    return np.asarray(ankle[:, 1] + np.sqrt(_STRETCHED**2 - ankle[:, 0] ** 2))


def _pitch(hips: Floats) -> Floats:
    """The pitch [T] that lifts stretched legs to a height of the hips, flat to on tiptoe."""
    angles = np.radians(np.linspace(0, _TIPTOE_DEG, 400))
    return np.asarray(np.interp(hips, _over(angles), angles))


def _knee(hip: Floats, ankle: Floats) -> tuple[Floats, Floats]:
    """The knee [T, 2], in front of the line from hip to ankle, and its flexion [T] (rad)."""
    way = ankle - hip
    reach = np.minimum(np.linalg.norm(way, axis=1), THIGH + SHANK - 1e-9)
    at_hip = np.arccos((THIGH**2 + reach**2 - SHANK**2) / (2 * THIGH * reach))
    flexion = np.pi - np.arccos((THIGH**2 + SHANK**2 - reach**2) / (2 * THIGH * SHANK))
    direction = np.arctan2(way[:, 0], -way[:, 1]) + at_hip
    thigh = THIGH * np.stack([np.sin(direction), -np.cos(direction)], axis=-1)
    return hip + thigh, flexion


def _upper_body(middle: Floats, lean: Rotation, sunk: Floats) -> dict[str, Floats]:
    """Arms, which swing forward as the hips go down, and the face, over the mid-hip [T, 3]."""
    chest = middle + lean.apply([0.0, 0.0, TRUNK])
    upper = np.radians(15) + np.minimum(5.0 * sunk, 1.3)  # from hanging, forward
    fore = upper + np.radians(25)
    points: dict[str, Floats] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder = chest + lean.apply([0.0, sign * SHOULDER_HALF_WIDTH, 0.0])
        elbow = shoulder + UPPER_ARM * _hanging(upper, sign * 0.12)
        points[f"{side}_shoulder"], points[f"{side}_elbow"] = shoulder, elbow
        points[f"{side}_wrist"] = elbow + FOREARM * _hanging(fore, -sign * 0.10)
    centre = chest + np.array(SKULL_FROM_CHEST)
    for name, offset in FACE.items():
        points[name] = centre + np.array(offset)
    return points


def _hanging(angle: Floats, aside: float) -> Floats:
    """Unit vectors [T, 3]: 0 hangs down, positive swings forward, ``aside`` (rad) to the left."""
    return np.stack(
        [
            np.sin(angle) * np.cos(aside),
            np.full_like(angle, np.sin(aside)),
            -np.cos(angle) * np.cos(aside),
        ],
        axis=-1,
    )
