"""Running gait as a formula: time in, 3D joints of the whole body out.

World axes: x forward (running direction), y to the athlete's left, z up; metres; ground at z = 0.
The mid-hip moves forward at constant speed. In stance the toe stands still on the ground and the
leg follows by inverse kinematics; in swing the joint angles follow clamped cubic splines that
continue the stance without a jump in value or rate. Bones are rigid in every frame.

Segment lengths are fractions of body height after Drillis & Contini as tabulated by Winter,
"Biomechanics and Motor Control of Human Movement" (2009). The angles are our own, drawn to look
like a sprinter; they are not measured data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

JOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)

# Fractions of body height.
THIGH, SHANK, UPPER_ARM, FOREARM = 0.245, 0.246, 0.186, 0.146
HIP_HALF_WIDTH, SHOULDER_HALF_WIDTH, TRUNK, NECK = 0.050, 0.104, 0.285, 0.105
TOE_FROM_ANKLE = (0.112, -0.030)  # forward, up
HEEL_FROM_ANKLE = (-0.032, -0.032)
TOE_HEIGHT = 0.011
CONTACT_LENGTH = 0.51  # travel of the hip while one foot is down
TOE_AT_TOUCHDOWN = 0.240  # ahead of the mid-hip
HIP_HEIGHT, HIP_BOUNCE = 0.510, 0.008

# Swing knots: fraction of the swing, then degrees (thigh flexion, knee flexion, dorsiflexion).
SWING = np.array(
    [
        [0.14, -17.0, 62.0, -20.0],
        [0.34, 12.0, 110.0, -12.0],
        [0.55, 52.0, 98.0, 0.0],
        [0.70, 64.0, 66.0, 4.0],
        [0.86, 50.0, 26.0, 2.0],
    ]
)


@dataclass(frozen=True)
class Gait:
    """What is chosen about the run.

    Attributes:
        speed_m_s: Forward speed of the mid-hip.
        stride_hz: Strides (two steps) per second.
        height_m: Standing height.
    """

    speed_m_s: float = 5.0
    stride_hz: float = 2.0
    height_m: float = 1.80

    @property
    def duty(self) -> float:
        """Fraction of the stride during which one foot is on the ground."""
        return CONTACT_LENGTH * self.height_m * self.stride_hz / self.speed_m_s


@dataclass(frozen=True)
class Motion:
    """The body over T frames, in world axes.

    Attributes:
        joints_m: [T, 21, 3], in the order of ``JOINTS``.
        pelvis: [T, 3, 3] columns forward, left, up of the pelvis; likewise ``thorax``, ``head``.
        knee_flexion_deg: [T, 2] left, right; 0 is straight.
        contact: [T, 2] left, right foot on the ground.
    """

    joints_m: Floats
    pelvis: Floats
    thorax: Floats
    head: Floats
    knee_flexion_deg: Floats
    contact: NDArray[np.bool_]

    def joint(self, name: str) -> Floats:
        """Positions [T, 3] of one joint."""
        return self.joints_m[:, JOINTS.index(name)]


def run(gait: Gait, time_s: Floats) -> Motion:
    """Joints at the given times; at time 0 the left foot is in the middle of its contact.

    Raises:
        ValueError: The speed and stride frequency leave no flight, or no leg can reach.
    """
    if not 0.05 < gait.duty < 0.45:
        raise ValueError(
            f"speed {gait.speed_m_s} m/s at {gait.stride_hz} strides/s is not a run: a foot would "
            f"be down for {gait.duty:.0%} of the stride (5-45 % needed); change speed or stride"
        )
    phase = gait.stride_hz * time_s + gait.duty / 2  # 0 = touch-down of the left foot
    origin = np.zeros((len(phase), 3))
    origin[:, 0] = gait.speed_m_s * time_s
    mirror = np.array([1.0, -1.0, 1.0])
    points: dict[str, Floats] = {}
    knees = []
    for side, leg_phase, flip in (("left", phase, 1.0), ("right", phase + 0.5, mirror)):
        leg, knee = _leg(gait, leg_phase % 1.0)
        points |= {f"{side}_{name}": origin + xyz * flip for name, xyz in leg.items()}
        knees.append(np.degrees(knee))
    middle = (points["left_hip"] + points["right_hip"]) / 2
    thorax, head = _thorax(phase), _head(phase)
    points |= _upper_body(gait, phase, middle, thorax, head)
    return Motion(
        joints_m=np.stack([points[name] for name in JOINTS], axis=1),
        pelvis=_pelvis(phase).as_matrix(),
        thorax=thorax.as_matrix(),
        head=head.as_matrix(),
        knee_flexion_deg=np.stack(knees, axis=1),
        contact=np.stack([phase % 1.0 < gait.duty, (phase + 0.5) % 1.0 < gait.duty], axis=1),
    )


def _cycle(phase: Floats, peak: float) -> Floats:
    return np.cos(2 * np.pi * (phase - peak))


def _euler(yaw: Floats, pitch: Floats, roll: Floats) -> Rotation:
    """Degrees; yaw to the left, pitch forward, roll to the right."""
    return Rotation.from_euler("ZYX", np.stack([yaw, pitch, roll], axis=-1), degrees=True)


def _pelvis(phase: Floats) -> Rotation:
    # Yaw is negative when the left hip leads, which is when the left thigh comes forward.
    return _euler(-8 * _cycle(phase, 0.85), np.full_like(phase, 6.0), 4 * _cycle(phase, 0.15))


def _thorax(phase: Floats) -> Rotation:
    lean = 9 + 1.5 * _cycle(2 * phase, 0.3)
    return _euler(10 * _cycle(phase, 0.85), lean, -2 * _cycle(phase, 0.15))


def _head(phase: Floats) -> Rotation:
    return _euler(2 * _cycle(phase, 0.85), np.full_like(phase, 4.0), np.zeros_like(phase))


def _hip_height(gait: Gait, phase: Floats) -> Floats:
    return gait.height_m * (HIP_HEIGHT - HIP_BOUNCE * _cycle(2 * phase, gait.duty))


def _hip(gait: Gait, phase: Floats) -> Floats:
    """Left hip [T, 3] relative to the point on the ground below the mid-hip."""
    hip = _pelvis(phase).apply([0.0, HIP_HALF_WIDTH * gait.height_m, 0.0])
    hip[:, 2] += _hip_height(gait, phase)
    return np.asarray(hip)


def _polar(angle: Floats) -> Floats:
    """Unit vectors [T, 2] (forward, up); 0 hangs down, positive swings forward."""
    return np.stack([np.sin(angle), -np.cos(angle)], axis=-1)


def _foot(pitch: Floats, offset: tuple[float, float], height_m: float) -> Floats:
    """A point of the foot [T, 2] relative to the ankle; positive pitch lifts the toe."""
    forward = np.stack([np.cos(pitch), np.sin(pitch)], axis=-1)
    upward = np.stack([-np.sin(pitch), np.cos(pitch)], axis=-1)
    return height_m * (offset[0] * forward + offset[1] * upward)


def _stance(gait: Gait, phase: Floats) -> Floats:
    """Thigh flexion, knee flexion, dorsiflexion and sideways tilt, radians [T, 4]."""
    height_m = gait.height_m
    hip = _hip(gait, phase)
    toe = np.array([TOE_AT_TOUCHDOWN, 0.03, TOE_HEIGHT]) * height_m - hip
    toe[:, 0] -= gait.speed_m_s * phase / gait.stride_hz
    tilt = np.arctan2(toe[:, 1], -toe[:, 2])
    pitch = -np.radians(5 + 60 * (phase / gait.duty) ** 3)
    planar = np.stack([toe[:, 0], -np.hypot(toe[:, 1], toe[:, 2])], axis=-1)
    ankle = planar - _foot(pitch, TOE_FROM_ANKLE, height_m)
    reach = np.linalg.norm(ankle, axis=-1) / height_m
    if np.any(reach > THIGH + SHANK):
        raise ValueError("the leg cannot reach the ground; lower the speed")
    at_knee = np.arccos((THIGH**2 + SHANK**2 - reach**2) / (2 * THIGH * SHANK))
    at_hip = np.arccos((THIGH**2 + reach**2 - SHANK**2) / (2 * THIGH * reach))
    thigh = np.arctan2(ankle[:, 0], -ankle[:, 1]) + at_hip
    knee = np.pi - at_knee
    return np.stack([thigh, knee, pitch - thigh + knee, tilt], axis=-1)


def _leg_angles(gait: Gait, phase: Floats) -> Floats:
    """As ``_stance``, over the whole stride; phase in [0, 1)."""
    eps = 1e-5
    edges = np.array([gait.duty - eps, gait.duty, 0.0, eps])
    before, off, down, after = _stance(gait, edges)
    swing = 1 - gait.duty
    rates = (off - before) / eps * swing, (after - down) / eps * swing
    tilt_knots = np.linspace(off[3], down[3], len(SWING) + 2)[1:-1]
    middle = np.column_stack([np.radians(SWING[:, 1:]), tilt_knots])
    spline = CubicSpline(
        np.concatenate([[0.0], SWING[:, 0], [1.0]]),
        np.vstack([off, middle, down]),
        bc_type=((1, rates[0]), (1, rates[1])),
    )
    stance = _stance(gait, np.minimum(phase, gait.duty))
    swung = spline((phase - gait.duty) / swing)
    return np.where((phase < gait.duty)[:, None], stance, swung)


def _leg(gait: Gait, phase: Floats) -> tuple[dict[str, Floats], Floats]:
    """Left-leg joints relative to the ground point below the mid-hip, and knee flexion (rad)."""
    height_m = gait.height_m
    thigh, knee, ankle, tilt = _leg_angles(gait, phase).T
    hip = _hip(gait, phase)

    def place(planar: Floats) -> Floats:
        forward, down = planar[:, 0], planar[:, 1]
        return hip + np.stack([forward, -down * np.sin(tilt), down * np.cos(tilt)], axis=-1)

    knee_at = height_m * THIGH * _polar(thigh)
    ankle_at = knee_at + height_m * SHANK * _polar(thigh - knee)
    pitch = thigh - knee + ankle
    leg = {
        "hip": hip,
        "knee": place(knee_at),
        "ankle": place(ankle_at),
        "heel": place(ankle_at + _foot(pitch, HEEL_FROM_ANKLE, height_m)),
        "foot_index": place(ankle_at + _foot(pitch, TOE_FROM_ANKLE, height_m)),
    }
    return leg, knee


def _upper_body(
    gait: Gait, phase: Floats, middle: Floats, thorax: Rotation, head: Rotation
) -> dict[str, Floats]:
    height_m = gait.height_m
    chest = middle + height_m * thorax.apply([0.0, 0.0, TRUNK])
    points: dict[str, Floats] = {}
    # The left arm is forward when the left leg is back; the right arm is half a stride later.
    for side, sign, peak in (("left", 1, 0.33), ("right", -1, 0.83)):
        swing = _cycle(phase, peak)
        upper = np.radians(-14 + 46 * swing)
        fore = upper + np.radians(98 + 16 * swing)
        inward = np.radians(-sign * (18 + 10 * swing))
        zero = np.zeros_like(phase)
        spread = Rotation.from_euler("x", sign * 14, degrees=True)
        upper_dir = spread.apply(np.stack([np.sin(upper), zero, -np.cos(upper)], axis=-1))
        bend = np.stack(
            [np.sin(fore) * np.cos(inward), np.sin(fore) * np.sin(inward), -np.cos(fore)], axis=-1
        )
        shoulder = chest + height_m * thorax.apply([0.0, sign * SHOULDER_HALF_WIDTH, 0.0])
        elbow = shoulder + height_m * UPPER_ARM * thorax.apply(upper_dir)
        points[f"{side}_shoulder"] = shoulder
        points[f"{side}_elbow"] = elbow
        points[f"{side}_wrist"] = elbow + height_m * FOREARM * thorax.apply(bend)
    centre = head_centre(gait, chest, head)
    for name, offset in FACE.items():
        points[name] = centre + height_m * head.apply(offset)
    return points


# Relative to the head centre: forward, left, up.
FACE = {
    "nose": (0.064, 0.0, -0.010),
    "left_eye": (0.050, 0.018, 0.008),
    "right_eye": (0.050, -0.018, 0.008),
    "left_ear": (0.000, 0.043, -0.004),
    "right_ear": (0.000, -0.043, -0.004),
}


def head_centre(gait: Gait, chest: Floats, head: Rotation) -> Floats:
    """Centre of the skull [T, 3] above the middle of the shoulders."""
    return chest + gait.height_m * head.apply([0.012, 0.0, NECK])
