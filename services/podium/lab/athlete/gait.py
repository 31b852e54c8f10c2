"""Running gait as a formula: computes the 3D joints of the whole body from the time.

World axes: x forward (running direction), y to the athlete's left, z up; metres; ground at z = 0.
The mid-hip moves forward at constant speed. In stance the toe is fixed on the ground and the leg
follows by inverse kinematics. In swing the joint angles follow clamped cubic splines that continue
the stance with equal value and rate. Bone lengths are constant.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from podium.lab.athlete.legs import leg
from podium.lab.athlete.posture import (
    FACE,
    FOREARM,
    SHOULDER_HALF_WIDTH,
    SKULL_FROM_CHEST,
    TRUNK,
    UPPER_ARM,
    Gait,
    cycle,
    head_turn,
    pelvis_turn,
    thorax_turn,
)

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

    def placed(self, turn: Floats, shift_m: Floats) -> "Motion":
        """The motion rotated by [3, 3] about the origin, then shifted by [T, 3]."""
        return Motion(
            joints_m=self.joints_m @ turn.T + shift_m[:, None],
            pelvis=turn @ self.pelvis,
            thorax=turn @ self.thorax,
            head=turn @ self.head,
            knee_flexion_deg=self.knee_flexion_deg,
            contact=self.contact,
        )


def run(gait: Gait, time_s: Floats) -> Motion:
    """Joints at the given times; at time 0 the left foot is in the middle of its contact.

    Raises:
        ValueError: The speed and stride frequency leave no flight.
    """
    if not 0.12 < gait.duty < 0.45:
        raise ValueError(
            f"speed {gait.speed_m_s} m/s at {gait.stride_hz} strides/s is not a run: a foot would "
            f"be down for {gait.duty:.0%} of the stride (12-45 % needed); change speed or stride"
        )
    phase = gait.stride_hz * time_s + gait.duty / 2  # 0 = touch-down of the left foot
    origin = np.zeros((len(phase), 3))
    origin[:, 0] = gait.speed_m_s * time_s
    mirror = np.array([1.0, -1.0, 1.0])
    points: dict[str, Floats] = {}
    knees = []
    for side, leg_phase, flip in (("left", phase, 1.0), ("right", phase + 0.5, mirror)):
        joints, knee = leg(gait, leg_phase % 1.0)
        points |= {f"{side}_{name}": origin + xyz * flip for name, xyz in joints.items()}
        knees.append(np.degrees(knee))
    middle = (points["left_hip"] + points["right_hip"]) / 2
    thorax, head = thorax_turn(phase), head_turn(phase)
    points |= _upper_body(gait, phase, middle, thorax, head)
    return Motion(
        joints_m=np.stack([points[name] for name in JOINTS], axis=1),
        pelvis=pelvis_turn(phase).as_matrix(),
        thorax=thorax.as_matrix(),
        head=head.as_matrix(),
        knee_flexion_deg=np.stack(knees, axis=1),
        contact=np.stack([phase % 1.0 < gait.duty, (phase + 0.5) % 1.0 < gait.duty], axis=1),
    )


def _upper_body(
    gait: Gait, phase: Floats, middle: Floats, thorax: Rotation, head: Rotation
) -> dict[str, Floats]:
    """Arms and face in world axes, over the mid-hip [T, 3]."""
    height_m = gait.height_m
    chest = middle + height_m * thorax.apply([0.0, 0.0, TRUNK])
    points: dict[str, Floats] = {}
    # The left arm is forward when the left leg is back; the right arm is half a stride later.
    for side, sign, peak in (("left", 1, 0.33), ("right", -1, 0.83)):
        swing = cycle(phase, peak)
        upper = np.radians(-8 + 40 * swing)
        fore = upper + np.radians(92 + 14 * swing)
        inward = np.radians(-sign * (18 + 10 * swing))
        zero = np.zeros_like(phase)
        spread = Rotation.from_euler("x", sign * 20, degrees=True)
        upper_dir = spread.apply(np.stack([np.sin(upper), zero, -np.cos(upper)], axis=-1))
        bend = np.stack(
            [np.sin(fore) * np.cos(inward), np.sin(fore) * np.sin(inward), -np.cos(fore)], axis=-1
        )
        shoulder = chest + height_m * thorax.apply([0.0, sign * SHOULDER_HALF_WIDTH, 0.0])
        elbow = shoulder + height_m * UPPER_ARM * thorax.apply(upper_dir)
        points[f"{side}_shoulder"] = shoulder
        points[f"{side}_elbow"] = elbow
        points[f"{side}_wrist"] = elbow + height_m * FOREARM * thorax.apply(bend)
    centre = chest + height_m * head.apply(SKULL_FROM_CHEST)
    for name, offset in FACE.items():
        points[name] = centre + height_m * head.apply(offset)
    return points
