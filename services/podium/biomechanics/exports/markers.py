"""The key points of an athlete as markers in metres, for motion capture files.

They are those of the fitted body, level and turned ahead (``level_body``), if there is a usable
one; its head is placed by 3D key points around the neck.

Else X is to the right in the picture, Y up, Z towards the camera; Y is 0 at the lowest foot of the
clip. X and Y of the hips come from the plane of motion; the other joints come from 3D key points
around the hips, if there are any. Without 3D all joints are in the plane Z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.exports.level_body import LevelBody, level_body
from podium.biomechanics.signals.timeline import rate_hz
from podium.errors import Unprocessable
from podium.types import Float64

MARKERS = {
    "mid_hip": "Hip",
    "right_hip": "RHip",
    "right_knee": "RKnee",
    "right_ankle": "RAnkle",
    "right_big_toe": "RBigToe",
    "right_small_toe": "RSmallToe",
    "right_heel": "RHeel",
    "left_hip": "LHip",
    "left_knee": "LKnee",
    "left_ankle": "LAnkle",
    "left_big_toe": "LBigToe",
    "left_small_toe": "LSmallToe",
    "left_heel": "LHeel",
    "neck": "Neck",
    "head": "Head",
    "nose": "Nose",
    "right_shoulder": "RShoulder",
    "right_elbow": "RElbow",
    "right_wrist": "RWrist",
    "left_shoulder": "LShoulder",
    "left_elbow": "LElbow",
    "left_wrist": "LWrist",
}
"""Joint -> name of its marker in Pose2Sim (Halpe-26, bodies with feet)."""

BONES = (
    ("Hip", "Neck"), ("Neck", "Head"), ("Head", "Nose"), ("Hip", "RHip"), ("Hip", "LHip"),
    *(
        (f"{side}{start}", f"{side}{end}")
        for side in ("R", "L")
        for start, end in (
            ("Hip", "Knee"), ("Knee", "Ankle"), ("Ankle", "Heel"), ("Ankle", "BigToe"),
            ("Ankle", "SmallToe"), ("Shoulder", "Elbow"), ("Elbow", "Wrist"),
        )
    ),
    ("Neck", "RShoulder"), ("Neck", "LShoulder"),
)  # fmt: skip
"""Pairs of markers to draw a line between."""

_TO_LEVEL = np.array([1.0, -1.0, -1.0])
"""Camera axes have y down and z away from the camera."""

_FEET = ("left_big_toe", "right_big_toe", "left_heel", "right_heel", "left_ankle", "right_ankle")


@dataclass(frozen=True, slots=True)
class Markers:
    """Named points over time."""

    names: tuple[str, ...]
    positions_m: Float64  # (T, M, 3), NaN where a marker is unknown
    time_s: Float64  # (T,)

    @property
    def rate_hz(self) -> float:
        """Frames per second; 1 for a single frame."""
        return rate_hz(self.time_s) or 1.0


def markers_of(analysis: Analysis) -> Markers:
    """The markers of an athlete.

    Raises:
        Unprocessable: there is no scale.
    """
    body = level_body(analysis)
    return _in_picture(analysis) if body is None else _of_body(analysis, body)


def _of_body(analysis: Analysis, body: LevelBody) -> Markers:
    """The points of the fitted body, the middles between them, and the head."""
    skeleton = analysis.skeleton
    place = {name: body.positions_m[:, k] for k, name in enumerate(body.points)}
    for middle, sided in (("mid_hip", "hip"), ("neck", "shoulder")):
        place[middle] = (place[f"left_{sided}"] + place[f"right_{sided}"]) / 2
    for joint in ("head", "nose"):
        if skeleton.has(joint):
            up = skeleton.take(analysis.space, joint)
            up = (up - skeleton.take(analysis.space, "neck")) * _TO_LEVEL
            place[joint] = place["neck"] + up @ body.ahead.T
    joints = [joint for joint in MARKERS if joint in place and skeleton.has(joint)]
    return Markers(
        tuple(MARKERS[joint] for joint in joints),
        np.stack([place[joint] for joint in joints], axis=1),
        analysis.trajectory.time_s,
    )


def _in_picture(analysis: Analysis) -> Markers:
    skeleton, m_per_px = analysis.skeleton, analysis.scale.m_per_px
    if m_per_px is None:
        raise Unprocessable(
            f"person {analysis.trajectory.person} has no scale; give the athlete's height"
        )
    joints = [joint for joint in MARKERS if skeleton.has(joint)]
    plane = np.stack([skeleton.take(analysis.plane.positions, j) for j in joints], axis=1)
    flat = np.concatenate([plane * m_per_px, np.zeros((*plane.shape[:2], 1))], axis=-1)
    space = np.stack([skeleton.take(analysis.space, j) for j in joints], axis=1)
    if np.isfinite(space).any():
        hips = skeleton.take(analysis.plane.positions, "mid_hip") * m_per_px
        middle = skeleton.take(analysis.space, "mid_hip")
        flat = space - middle[:, None]
        flat[..., :2] += hips[:, None]
    known = np.isfinite(flat).all(axis=-1, keepdims=True)
    positions = np.where(known, flat * _TO_LEVEL, np.nan)
    feet = [joints.index(joint) for joint in _FEET if joint in joints]
    lowest = positions[:, feet, 1]
    if np.isfinite(lowest).any():
        positions[..., 1] -= np.nanmin(lowest)
    names = tuple(MARKERS[joint] for joint in joints)
    return Markers(names, positions, analysis.trajectory.time_s)
