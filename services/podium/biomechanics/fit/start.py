"""The start of the fit: the body is posed frame by frame from low-passed 3D landmarks.

Without landmarks the key points are lifted to 3D with a guess of the view: the athlete is assumed
to move in a plane at some angle to the picture, and the fit is tried with several angles.
"""

from __future__ import annotations

import numpy as np
import scipy

from podium.biomechanics.fit.model import SIDES, Body
from podium.biomechanics.fit.observations import Observations
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

_LOW_PASS_S = 0.04
LUMBAR_SHARE = 0.3
"""Share of the lumbar spine in the trunk's lean; the rest is that of the pelvis."""


def lifted(body: Body, seen: Observations, yaw_deg: float) -> Float64:
    """Points (T, P, 3) relative to the mid-hip, for motion in a plane at this yaw."""
    metres = seen.stature_m / seen.height_px
    pixels = _filled(seen.pixels, seen.weight)
    hips = [body.point_index[f"{side}_hip"] for side in SIDES]
    flat = (pixels - pixels[:, hips].mean(axis=1, keepdims=True)) * metres[:, None, None]
    yaw = np.radians(yaw_deg)
    half = (
        0.5 * seen.stature_m * np.array([0.105 if "hip" in p.name else 0.15 for p in body.points])
    )
    out = np.array([1.0 if p.name.startswith("right") else -1.0 for p in body.points]) * half
    forward = (flat[..., 0] - np.sin(yaw) * out) / np.cos(yaw)
    away = -np.sin(yaw) * forward + np.cos(yaw) * out
    return np.stack([flat[..., 0], -flat[..., 1], away], axis=-1)


def start(body: Body, seen: Observations, space: Float64, space_weight: Float64) -> Float64:
    """Coordinates (T, N) from points (T, P, 3) around the mid-hip and from the size in pixels."""
    points = _low_pass(_filled(space, space_weight), seen)

    def at(name: str) -> Float64:
        return points[:, body.point_index[name]]

    q = np.zeros((len(seen), len(body.coordinates)))
    across = at("right_hip") - at("left_hip") + at("right_shoulder") - at("left_shoulder")
    yaw = np.unwrap(np.arctan2(across[:, 0], across[:, 2]))
    q[:, body.index["pelvis_yaw"]] = yaw
    neck = _turned_back((at("right_shoulder") + at("left_shoulder")) / 2, 1, yaw)
    lean = np.arctan2(-neck[:, 0], np.maximum(neck[:, 1], 0.05))
    q[:, body.index["pelvis_tilt"]] = (1 - LUMBAR_SHARE) * lean
    q[:, body.index["lumbar_extension"]] = LUMBAR_SHARE * lean
    for side, right in (("right", 1.0), ("left", -1.0)):
        knee = at(f"{side}_knee") - at(f"{side}_hip")
        ankle = at(f"{side}_ankle") - at(f"{side}_knee")
        foot = at(f"{side}_big_toe") - at(f"{side}_heel")
        turn = (1, yaw), (2, (1 - LUMBAR_SHARE) * lean)
        thigh, out, bend = _limb(knee, ankle, turn, right, -1.0)
        pitch = _turned_back(
            _turned_back(foot, 1, yaw), 2, (1 - LUMBAR_SHARE) * lean + thigh - bend
        )
        q[:, body.index[f"{side}_hip_flexion"]] = np.clip(thigh, -0.6, 2.2)
        q[:, body.index[f"{side}_hip_adduction"]] = np.clip(out, -0.5, 0.5)
        q[:, body.index[f"{side}_knee_flexion"]] = np.clip(bend, 0.0, 2.6)
        flexed = np.where(np.linalg.norm(foot, axis=1) > 0, np.arctan2(pitch[:, 1], pitch[:, 0]), 0)
        q[:, body.index[f"{side}_ankle_dorsiflexion"]] = np.clip(flexed, -0.7, 0.6)
        upper = at(f"{side}_elbow") - at(f"{side}_shoulder")
        fore = at(f"{side}_wrist") - at(f"{side}_elbow")
        swing, out, bend = _limb(upper, fore, ((1, yaw), (2, lean)), right, 1.0)
        q[:, body.index[f"{side}_shoulder_flexion"]] = np.clip(swing, -1.2, 2.8)
        q[:, body.index[f"{side}_shoulder_adduction"]] = np.clip(out, -1.2, 0.5)
        q[:, body.index[f"{side}_elbow_flexion"]] = np.clip(bend, 0.1, 2.5)
    q[:, :3] = _pelvis(body, seen, points)
    return q


def _limb(
    upper: Float64,
    lower: Float64,
    turns: tuple[tuple[int, Float64], ...],
    right: float,
    sign: float,
) -> tuple[Float64, Float64, Float64]:
    """Flexion, adduction and bend (T,) of a limb that hangs down when straight, radians."""
    for axis, angle in turns:
        upper = _turned_back(upper, axis, angle)
    length = np.maximum(np.linalg.norm(upper, axis=1), 1e-6)
    flexion = np.arctan2(upper[:, 0], -upper[:, 1])
    adduction = np.arcsin(np.clip(-right * upper[:, 2] / length, -1, 1))
    for axis, angle in turns:
        lower = _turned_back(lower, axis, angle)
    hanging = _turned_back(_turned_back(lower, 2, flexion), 0, right * adduction)
    bend = sign * np.arctan2(hanging[:, 0], -hanging[:, 1])
    return flexion, adduction, bend


def _turned_back(vectors: Float64, axis: int, angle: Float64) -> Float64:
    """Vectors (T, 3) in a frame that is rotated about one axis."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = np.cos(angle), np.sin(angle)
    result = vectors.copy()
    result[:, first] = cos * vectors[:, first] + sin * vectors[:, second]
    result[:, second] = cos * vectors[:, second] - sin * vectors[:, first]
    return result


def _pelvis(body: Body, seen: Observations, points: Float64) -> Float64:
    """Position (T, 3) of the pelvis: on the ray of the mid-hip, at a depth from the size."""
    pixels = _low_pass(_filled(seen.pixels, seen.weight), seen)
    hips = [body.point_index[f"{side}_hip"] for side in SIDES]
    middle = pixels[:, hips].mean(axis=1)
    flat = points[..., :2] * (1.0, -1.0)
    used = seen.weight > 0
    used[~used.any(axis=1)] = True
    over = (flat * (pixels - middle[:, None]) * used[..., None]).sum(axis=(1, 2))
    under = (flat**2 * used[..., None]).sum(axis=(1, 2))
    by_size = seen.height_px / seen.stature_m
    scale = np.clip(over / np.maximum(under, 1e-6), by_size / 2, by_size * 2)
    width = min(max(round(0.3 * rate_hz(seen.time_s)), 1), len(scale))
    scale = scipy.ndimage.median_filter(scale, width, mode="nearest")
    depth = seen.lens.focal_px / scipy.ndimage.gaussian_filter1d(scale, width, mode="nearest")
    return np.stack(
        [
            middle[:, 0] * depth / seen.lens.focal_px,
            -middle[:, 1] * depth / seen.lens.focal_px,
            -depth,
        ],
        axis=1,
    )


def _filled(values: Float64, weight: Float64) -> Float64:
    """Values (T, P, D) with unseen ones interpolated over time; 0 where never seen."""
    result = values.copy()
    at = np.arange(len(values))
    for point in np.flatnonzero((weight == 0).any(axis=0)):
        known = np.flatnonzero(weight[:, point] > 0)
        for axis in range(values.shape[2]):
            if len(known):
                result[:, point, axis] = np.interp(at, known, values[known, point, axis])
    return result


def _low_pass(values: Float64, seen: Observations) -> Float64:
    width = min(_LOW_PASS_S * rate_hz(seen.time_s), len(seen))
    return (
        np.asarray(scipy.ndimage.gaussian_filter1d(values, width, axis=0, mode="nearest"))
        if width > 0.1
        else values
    )
