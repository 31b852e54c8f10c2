"""One leg over a stride: fixed to the ground in stance, moved along splines in swing."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from podium.lab.athlete.posture import (
    HEEL_FROM_ANKLE,
    HIP_HALF_WIDTH,
    SHANK,
    THIGH,
    TOE_AT_TOUCHDOWN,
    TOE_FROM_ANKLE,
    TOE_HEIGHT,
    Gait,
    hip_height,
    pelvis_turn,
)

Floats = NDArray[np.float64]

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


def _hip(gait: Gait, phase: Floats) -> Floats:
    """Left hip [T, 3] relative to the point on the ground below the mid-hip."""
    hip = pelvis_turn(phase).apply([0.0, HIP_HALF_WIDTH * gait.height_m, 0.0])
    hip[:, 2] += hip_height(gait, phase)
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
    at_knee = np.arccos((THIGH**2 + SHANK**2 - reach**2) / (2 * THIGH * SHANK))
    at_hip = np.arccos((THIGH**2 + reach**2 - SHANK**2) / (2 * THIGH * reach))
    thigh = np.arctan2(ankle[:, 0], -ankle[:, 1]) + at_hip
    knee = np.pi - at_knee
    return np.stack([thigh, knee, pitch - thigh + knee, tilt], axis=-1)


def _leg_angles(gait: Gait, phase: Floats) -> Floats:
    """The angles of ``_stance`` over the whole stride; phase in [0, 1)."""
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
    return np.asarray(np.where((phase < gait.duty)[:, None], stance, swung))


def leg(gait: Gait, phase: Floats) -> tuple[dict[str, Floats], Floats]:
    """Left-leg joints relative to the ground point below the mid-hip, and knee flexion (rad)."""
    height_m = gait.height_m
    thigh, knee, ankle, tilt = _leg_angles(gait, phase).T
    hip = _hip(gait, phase)

    def place(planar: Floats) -> Floats:
        forward, down = planar[:, 0], planar[:, 1]
        tilted = np.stack([forward, -down * np.sin(tilt), down * np.cos(tilt)], axis=-1)
        return np.asarray(hip + tilted)

    knee_at = height_m * THIGH * _polar(thigh)
    ankle_at = knee_at + height_m * SHANK * _polar(thigh - knee)
    pitch = thigh - knee + ankle
    joints = {
        "hip": hip,
        "knee": place(knee_at),
        "ankle": place(ankle_at),
        "heel": place(ankle_at + _foot(pitch, HEEL_FROM_ANKLE, height_m)),
        "foot_index": place(ankle_at + _foot(pitch, TOE_FROM_ANKLE, height_m)),
    }
    return joints, knee
