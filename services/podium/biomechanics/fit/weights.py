"""Standard deviations of every term of the fit.

They are first guesses from the literature and from one experiment on public clips; results change
little if any of them is changed by a factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.biomechanics.fit.model import SIDES, Body
from podium.types import Float64

_STIFF = ("adduction", "rotation", "subtalar", "list", "lumbar", "yaw")
_STIFFER = 4.0


@dataclass(frozen=True, slots=True)
class Weights:
    """One standard deviation per term; robust terms are linear beyond ``robust``."""

    image: float = 0.008  # of the standing height in pixels
    robust: float = 2.5  # standard deviations
    space_m: tuple[float, float, float] = (0.2, 0.2, 0.2)
    space_shoulder: float = 3.0  # times as much in depth at the shoulders
    space_arm: float = 1.5  # likewise at elbows and wrists
    acceleration_rad_s2: float = 120.0
    acceleration_m_s2: float = 6.0
    damped: float = 3.5
    liveliness: tuple[float, float] = (0.7, 5.0)
    contact_m_s: float = 0.1
    floor_m: float = 0.02
    sole_m: float = 0.003  # heel over ball of a flat foot; 1 degree
    lumbar_share: float = 0.3
    limit_deg: float = 2.0
    pitch_deg: float = 3.0
    frames_alike: float = 5.0
    """Key point errors are common to all frames, so a clip counts as this many for lengths."""
    stature: float = 0.001  # fixes the size; angles do not depend on it
    world_turn_deg: float = 15.0
    world_scale: float = 0.10
    floor_level_m: float = 3.0
    damping: float = 1e-3


WEIGHTS = Weights()

PRIORS_DEG = {
    "pelvis_list": (0.0, 5.0),
    "lumbar_bending": (0.0, 10.0),
    "lumbar_rotation": (0.0, 15.0),
    "hip_adduction": (0.0, 6.0),
    "hip_rotation": (0.0, 10.0),
    "ankle_dorsiflexion": (0.0, 25.0),
    "subtalar": (0.0, 6.0),
    "toe_extension": (0.0, 20.0),
    "shoulder_flexion": (0.0, 60.0),
    "shoulder_adduction": (-10.0, 25.0),
    "shoulder_rotation": (0.0, 40.0),
    "elbow_flexion": (40.0, 60.0),
}
"""Coordinate, on both sides -> usual value and spread."""

LIMITS_DEG = {
    "knee_flexion": (0.0, 155.0),
    "hip_flexion": (-40.0, 130.0),
    "ankle_dorsiflexion": (-45.0, 40.0),
    "toe_extension": (-10.0, 70.0),
    "elbow_flexion": (0.0, 155.0),
    "shoulder_flexion": (-75.0, 190.0),
}

LENGTH_SD = {
    "hip_width": 0.10,
    "thigh": 0.05,
    "shank": 0.05,
    "foot": 0.10,
    "trunk": 0.05,
    "shoulder_width": 0.10,
    "upper_arm": 0.07,
    "forearm": 0.07,
}


def sided(table: dict[str, tuple[float, float]], body: Body) -> dict[int, tuple[float, float]]:
    """Column -> value pair in radians, for both sides of what has sides."""
    return {
        body.index[full]: (float(np.radians(a)), float(np.radians(b)))
        for name, (a, b) in table.items()
        for full in (name, *(f"{side}_{name}" for side in SIDES))
        if full in body.index
    }


def liveliness(body: Body, start: Float64, time_s: Float64, weights: Weights) -> float:
    """Speed of the legs, as a factor for the standard deviation of accelerations.

    From the low-passed start (T, N), whose accelerations are several times too small.
    """
    if len(start) < 5:
        return 1.0
    columns = [
        body.index[f"{side}_{name}"]
        for side in SIDES
        for name in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
    ]
    rate = np.gradient(np.gradient(start[:, columns], time_s, axis=0), time_s, axis=0)
    typical = float(np.sqrt(np.mean(rate**2)))
    low, high = weights.liveliness
    return float(np.clip(weights.damped * typical / weights.acceleration_rad_s2, low, high))


def acceleration_sd(body: Body, weights: Weights, lively: float) -> Float64:
    """Standard deviations (N,) of the coordinates' accelerations, rad/s^2 and m/s^2."""
    sd = np.full(len(body.coordinates), weights.acceleration_rad_s2 * lively)
    sd[:3] = weights.acceleration_m_s2
    for column, name in enumerate(body.coordinates[3:], start=3):
        if any(part in name for part in _STIFF) and "shoulder" not in name:
            sd[column] /= _STIFFER
    return sd
