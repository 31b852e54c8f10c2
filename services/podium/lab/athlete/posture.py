"""Proportions of the athlete, and the rotation of pelvis, trunk and head over a stride.

Phase counts strides; it is a whole number at each touch-down of the left foot. Axes: x forward,
y left, z up. Segment lengths are fractions of body height after Drillis & Contini as tabulated by
Winter, "Biomechanics and Motor Control of Human Movement" (2009). The angles are invented to look
like a sprinter; they are not measured data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

# All lengths are fractions of body height.
THIGH, SHANK, UPPER_ARM, FOREARM = 0.245, 0.246, 0.186, 0.146
HIP_HALF_WIDTH, SHOULDER_HALF_WIDTH, TRUNK = 0.050, 0.104, 0.285
SKULL_FROM_CHEST = (0.012, 0.0, 0.105)  # skull centre from the middle of the shoulders
TOE_FROM_ANKLE = (0.112, -0.030)  # forward, up
HEEL_FROM_ANKLE = (-0.032, -0.032)
TOE_HEIGHT = 0.011
CONTACT_LENGTH = 0.51  # travel of the hip while one foot is down
TOE_AT_TOUCHDOWN = 0.240  # ahead of the mid-hip
HIP_HEIGHT, HIP_BOUNCE = 0.510, 0.008

# Relative to the skull centre: forward, left, up.
FACE = {
    "nose": (0.064, 0.0, -0.010),
    "left_eye": (0.050, 0.018, 0.008),
    "right_eye": (0.050, -0.018, 0.008),
    "left_ear": (0.000, 0.043, -0.004),
    "right_ear": (0.000, -0.043, -0.004),
}


@dataclass(frozen=True)
class Gait:
    """The parameters of a run.

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


def cycle(phase: Floats, peak: float) -> Floats:
    """A cosine with the period of a stride, 1 at the peak phase."""
    return np.asarray(np.cos(2 * np.pi * (phase - peak)))


def _euler(yaw: Floats, pitch: Floats, roll: Floats) -> Rotation:
    """A rotation from angles in degrees: yaw to the left, pitch forward, roll to the right."""
    return Rotation.from_euler("ZYX", np.stack([yaw, pitch, roll], axis=-1), degrees=True)


def pelvis_turn(phase: Floats) -> Rotation:
    """Orientation [T] of the pelvis in the world."""
    # Yaw is negative when the left hip leads, which is when the left thigh comes forward.
    return _euler(-8 * cycle(phase, 0.85), np.full_like(phase, 6.0), 4 * cycle(phase, 0.15))


def thorax_turn(phase: Floats) -> Rotation:
    """Orientation [T] of the chest, which rotates against the pelvis and leans forward."""
    lean = 9 + 1.5 * cycle(2 * phase, 0.3)
    return _euler(10 * cycle(phase, 0.85), lean, -2 * cycle(phase, 0.15))


def head_turn(phase: Floats) -> Rotation:
    """Orientation [T] of the head, almost still."""
    return _euler(2 * cycle(phase, 0.85), np.full_like(phase, 4.0), np.zeros_like(phase))


def hip_height(gait: Gait, phase: Floats) -> Floats:
    """Height [T] of the mid-hip in metres, lowest in the middle of each contact."""
    return gait.height_m * (HIP_HEIGHT - HIP_BOUNCE * cycle(2 * phase, gait.duty))
