"""A body of the fit's own model in motion, seen by an exact camera: truth for its tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.biomechanics.fit.camera import pixels_of
from podium.biomechanics.fit.kinematics import positions
from podium.biomechanics.fit.model import BODY
from podium.skeletons import BLAZEPOSE33, Skeleton

SIZE = (1280, 720)
FOCAL_PX = 0.65 * np.hypot(*SIZE)
LENGTHS_M = 1.75 * np.array(list(BODY.lengths.values()))


@dataclass
class Seen:
    """What a perfect key point model says, and what is true."""

    keypoints: np.ndarray  # (T, J, 2)
    scores: np.ndarray  # (T, J)
    landmarks: np.ndarray  # (T, J, 3)
    time_s: np.ndarray  # (T,)
    values: np.ndarray  # (T, N)
    skeleton: Skeleton

    def degrees(self, name):
        return np.degrees(self.values[:, BODY.index[name]])


def walk(*, frames=60, fps=30.0, yaw_deg=30.0, speed=0.0, skeleton=BLAZEPOSE33, noise_px=0.0):
    """Strides on the spot or across the picture; yaw 0 faces right, 90 away from the camera."""
    time_s = np.arange(frames) / fps
    phase = 2 * np.pi * time_s
    values = np.zeros((frames, len(BODY.coordinates)))

    def put(name, degrees):
        values[:, BODY.index[name]] = np.radians(degrees)

    put("pelvis_yaw", np.full(frames, yaw_deg))
    put("pelvis_tilt", np.full(frames, -5.0))
    put("lumbar_extension", np.full(frames, -2.0))
    for side, shift in (("right", 0.0), ("left", np.pi)):
        put(f"{side}_hip_flexion", 10 + 25 * np.cos(phase + shift))
        put(f"{side}_knee_flexion", 35 - 30 * np.cos(phase + shift - 1.8))
        put(f"{side}_ankle_dorsiflexion", 10 * np.sin(phase + shift))
        put(f"{side}_shoulder_flexion", -20 * np.cos(phase + shift))
        put(f"{side}_elbow_flexion", 40 + 10 * np.cos(phase + shift))
    yaw = np.radians(yaw_deg)
    ahead = speed * (time_s - 1)
    values[:, 0] = ahead * np.cos(yaw)
    values[:, 1] = -0.3 + 0.02 * np.cos(2 * phase)
    values[:, 2] = -4.0 - ahead * np.sin(yaw)
    return see(values, time_s, skeleton, noise_px)


def see(values, time_s, skeleton=BLAZEPOSE33, noise_px=0.0):
    points = positions(BODY, values, LENGTHS_M)
    pixels = pixels_of(points, FOCAL_PX, 0.0) + (np.array(SIZE) - 1) / 2
    pixels += noise_px * np.random.default_rng(0).standard_normal(pixels.shape)
    keypoints = np.full((len(values), len(skeleton), 2), np.nan)
    landmarks = np.full((len(values), len(skeleton), 3), np.nan)
    scores = np.zeros((len(values), len(skeleton)))
    for row, joint in enumerate(skeleton.joints):
        name = joint.replace("foot_index", "big_toe")
        if name in BODY.point_index:
            column = BODY.point_index[name]
            keypoints[:, row] = pixels[:, column]
            landmarks[:, row] = points[:, column] * (1, -1, -1)
            scores[:, row] = 0.9
    hips = [skeleton.index[f"{side}_hip"] for side in ("left", "right")]
    landmarks -= landmarks[:, hips].mean(axis=1, keepdims=True)
    return Seen(keypoints, scores, landmarks, time_s, values, skeleton)


def squat(*, frames=45, fps=30.0, yaw_deg=30.0, noise_px=0.0):
    """A squat on both feet, which stay flat where they are; heels are seen 2 cm too high."""
    time_s = np.arange(frames) / fps
    down = (1 - np.cos(2 * np.pi * time_s / time_s[-1])) / 2
    values = np.zeros((frames, len(BODY.coordinates)))

    def put(name, degrees):
        values[:, BODY.index[name]] = np.radians(degrees)

    put("pelvis_yaw", np.full(frames, yaw_deg))
    put("pelvis_tilt", -25 * down)
    put("lumbar_extension", -10 * down)
    for side in ("right", "left"):
        put(f"{side}_hip_flexion", 5 + 60 * down)
        put(f"{side}_knee_flexion", 10 + 65 * down)
        put(f"{side}_ankle_dorsiflexion", 5 + 30 * down)
        put(f"{side}_elbow_flexion", np.full(frames, 40.0))
    values[:, :3] = (0.0, -0.3, -4.0)
    ankle = positions(BODY, values, LENGTHS_M)[:, BODY.point_index["right_ankle"]]
    values[:, :3] -= ankle - ankle[0]
    seen = see(values, time_s, noise_px=noise_px)
    heels = [seen.skeleton.index[f"{side}_heel"] for side in ("right", "left")]
    seen.keypoints[:, heels, 1] -= 0.02 * FOCAL_PX / 4
    return seen
