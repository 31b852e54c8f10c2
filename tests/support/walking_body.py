"""Walking as a formula: the 3D joints of the whole body from the time.

World axes as in ``podium.lab.athlete.gait``: x forward, y to the athlete's left, z up; metres;
ground at z = 0. In stance the foot rolls over the heel, stands flat and rolls over the toe, and the
leg follows by inverse kinematics. In swing the angles follow splines that continue the stance with
equal value and rate. Angles are like those of Winter, "Biomechanics and Motor Control of Human
Movement" (2009); they are not measured data.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from podium.lab.athlete.gait import JOINTS
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

HEEL_HEIGHT = TOE_HEIGHT - TOE_FROM_ANKLE[1] + HEEL_FROM_ANKLE[1]
FLAT, HEEL_OFF = 0.09, 0.28  # fractions of the stride
LANDING_DEG, PUSHING_DEG = 18.0, -50.0  # pitch of the foot; positive lifts the toe
BEHIND = 0.08  # of the heel in the middle of its stance, from the hips
BOUNCE = 0.010
REACH = 0.99 * (THIGH + SHANK)

# Fraction of the swing, then degrees: thigh flexion, knee flexion, dorsiflexion.
SWING = np.array([[0.3, 12.0, 62.0, -8.0], [0.55, 25.0, 52.0, 4.0], [0.8, 29.0, 20.0, 4.0]])


@dataclass(frozen=True)
class Walk:
    """The parameters of a walk; lengths of the body are fractions of its height."""

    speed_m_s: float
    stride_hz: float
    height_m: float = 1.80
    duty: float = 0.62

    @property
    def stride(self):
        """Length of a stride, per body height."""
        return self.speed_m_s / self.stride_hz / self.height_m

    def joints_m(self, time_s):
        """(T, 21, 3); at time 0 the left heel touches the ground."""
        phase = self.stride_hz * np.asarray(time_s)
        middle = np.stack([self.stride * phase, np.zeros_like(phase), self.hips_up(phase)], -1)
        points = {}
        for side, sign, own in (("left", 1, phase), ("right", -1, phase + 0.5)):
            aside = np.array([0, sign * HIP_HALF_WIDTH, 0])
            for name, planar in self._leg(own % 1).items():
                points[f"{side}_{name}"] = middle * [1, 1, 0] + aside + _wide(planar)
        points |= _upper_body(middle, phase)
        return self.height_m * np.stack([points[name] for name in JOINTS], axis=1)

    def hips_up(self, phase):
        """Height of the hips, so high that one leg is straight at one moment of its stance."""
        stance = np.linspace(0, self.duty, 200)
        across, up = self._ankle(stance)[0].T
        most = up + np.sqrt(REACH**2 - across**2) - self._bounce(stance)
        return most.min() + self._bounce(phase)

    def _bounce(self, phase):
        """Lowest soon after each contact."""
        return -BOUNCE * np.cos(4 * np.pi * (phase - 0.06))

    def _ankle(self, phase):
        """Ankle (T, 2) of a foot on the ground, from the ground below the hips."""
        rise = np.maximum(1 - phase / FLAT, 0) ** 2
        push = np.maximum((phase - HEEL_OFF) / (self.duty - HEEL_OFF), 0) ** 2
        pitch = np.radians(LANDING_DEG * rise + PUSHING_DEG * push)
        heel_at = self.stride * (self.duty / 2 - phase) - BEHIND
        heel = np.stack([heel_at, np.full_like(phase, HEEL_HEIGHT)], -1)
        toe = heel + np.array([TOE_FROM_ANKLE[0] - HEEL_FROM_ANKLE[0], TOE_HEIGHT - HEEL_HEIGHT])
        over_heel = heel - _turned(pitch, HEEL_FROM_ANKLE)
        over_toe = toe - _turned(pitch, TOE_FROM_ANKLE)
        return np.where((phase < FLAT)[:, None], over_heel, over_toe), pitch

    def _stance(self, phase):
        """Thigh flexion, knee flexion and dorsiflexion (T, 3) of a foot on the ground, rad."""
        ankle, pitch = self._ankle(phase)
        across, down = ankle[:, 0], self.hips_up(phase) - ankle[:, 1]
        reach = np.hypot(across, down)
        knee = np.pi - np.arccos((THIGH**2 + SHANK**2 - reach**2) / (2 * THIGH * SHANK))
        at_hip = np.arccos((THIGH**2 + reach**2 - SHANK**2) / (2 * THIGH * reach))
        thigh = np.arctan2(across, down) + at_hip
        return np.stack([thigh, knee, pitch - thigh + knee], -1)

    def _angles(self, phase):
        eps, swing = 1e-5, 1 - self.duty
        before, off, down, after = self._stance(np.array([self.duty - eps, self.duty, 0, eps]))
        spline = CubicSpline(
            np.concatenate([[0], SWING[:, 0], [1]]),
            np.vstack([off, np.radians(SWING[:, 1:]), down]),
            bc_type=((1, (off - before) / eps * swing), (1, (after - down) / eps * swing)),
        )
        stance = self._stance(np.minimum(phase, self.duty))
        return np.where((phase < self.duty)[:, None], stance, spline((phase - self.duty) / swing))

    def _leg(self, phase):
        """Points (T, 2) forward and up of one leg, from the ground below the hips."""
        thigh, knee, ankle = self._angles(phase).T
        hip = np.stack([np.zeros_like(phase), self.hips_up(phase)], -1)
        knee_at = hip + THIGH * _hanging(thigh)
        ankle_at = knee_at + SHANK * _hanging(thigh - knee)
        pitch = thigh - knee + ankle
        return {
            "hip": hip,
            "knee": knee_at,
            "ankle": ankle_at,
            "heel": ankle_at + _turned(pitch, HEEL_FROM_ANKLE),
            "foot_index": ankle_at + _turned(pitch, TOE_FROM_ANKLE),
        }


def _hanging(angle):
    """Unit vectors (T, 2): 0 hangs down, positive swings forward."""
    return np.stack([np.sin(angle), -np.cos(angle)], -1)


def _turned(pitch, offset):
    """A point of the foot (T, 2) from the ankle; positive pitch lifts the toe."""
    forward, up = offset
    cos, sin = np.cos(pitch), np.sin(pitch)
    return np.stack([forward * cos - up * sin, forward * sin + up * cos], -1)


def _wide(planar):
    """Points (T, 3) from forward and up (T, 2)."""
    return np.stack([planar[:, 0], np.zeros(len(planar)), planar[:, 1]], -1)


def _upper_body(middle, phase):
    """Arms, which swing against the legs, and the face, over the middle of the hips (T, 3)."""
    lean = np.radians(4 + 1.5 * np.cos(4 * np.pi * (phase - 0.1)))
    chest = middle - TRUNK * _wide(_hanging(-lean))
    points = {}
    for side, sign, shift in (("left", 1, 0.5), ("right", -1, 0.0)):
        swing = np.cos(2 * np.pi * (phase - shift))
        turned = 0.012 * swing[:, None] * np.array([1, 0, 0])
        shoulder = chest + turned + np.array([0, sign * SHOULDER_HALF_WIDTH, 0])
        elbow = shoulder + UPPER_ARM * _wide(_hanging(np.radians(-2 + 18 * swing)))
        wrist = elbow + FOREARM * _wide(_hanging(np.radians(20 + 24 * swing)))
        points |= {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": wrist}
    centre = chest + np.array(SKULL_FROM_CHEST)
    return points | {name: centre + np.array(offset) for name, offset in FACE.items()}
