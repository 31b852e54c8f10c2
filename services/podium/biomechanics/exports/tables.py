"""The two CSV files: tidy, RFC 4180, empty where there is no value.

``keypoints.csv`` has a row per person, frame and key point:

=============================== ==================================================================
``frame, time_s``               ordinal in the source, seconds from its start
``person``                      number over the whole clip
``keypoint``                    name in the skeleton
``x_px, y_px, score``           as the model gave them
``x_m, y_m, z_m``               likewise, camera axes, from the middle of the hips
``x_filtered_px, y_filtered_px`` outliers removed, short gaps filled, smoothed
``x_filtered_m ... z_filtered_m`` likewise
``filled``                      1: not measured on this frame, but interpolated
=============================== ==================================================================

``biomechanics.csv`` has a row per person, frame and ``name``, of the ``kind`` ``joint``,
``joint_angle`` or ``segment_angle`` (definitions: ``podium.biomechanics.body.angles``). Joints have
filtered position, velocity, speed, acceleration and its magnitude, in pixels and, where there is
a scale, in metres of the plane in which the athlete moves (origin top left, y down). Angles have
degrees, degrees per second and, for joints with 3D key points, the unsigned angle in space.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.types import Float64

KEYPOINT_COLUMNS = (
    "frame,time_s,person,keypoint,x_px,y_px,score,x_m,y_m,z_m,"
    "x_filtered_px,y_filtered_px,x_filtered_m,y_filtered_m,z_filtered_m,filled"
)
BIOMECHANICS_COLUMNS = (
    "frame,time_s,person,kind,name,"
    "x_px,y_px,vx_px_s,vy_px_s,speed_px_s,ax_px_s2,ay_px_s2,acceleration_px_s2,"
    "x_plane_m,y_plane_m,vx_m_s,vy_m_s,speed_m_s,ax_m_s2,ay_m_s2,acceleration_m_s2,"
    "angle_deg,angular_velocity_deg_s,angle_3d_deg"
)
_DERIVED_JOINTS = ("mid_hip", "neck")
_KEYPOINT_FORMAT = ",".join(["%.3f"] * 2 + ["%.4f"] * 4 + ["%.3f"] * 2 + ["%.4f"] * 3 + ["%.0f"])
_JOINT_FORMAT = ",".join(["%.3f"] * 8 + ["%.4f"] * 8) + ",,,"
_ANGLE_FORMAT = "," * 16 + ",".join(["%.3f"] * 3)


def write_keypoints(path: Path, analyses: Iterable[Analysis]) -> None:
    """Write ``keypoints.csv``."""
    _write(path, KEYPOINT_COLUMNS, (row for a in analyses for row in _keypoint_rows(a)))


def write_biomechanics(path: Path, analyses: Iterable[Analysis]) -> None:
    """Write ``biomechanics.csv``."""
    _write(path, BIOMECHANICS_COLUMNS, (row for a in analyses for row in _motion_rows(a)))


def _write(path: Path, columns: str, rows: Iterable[str]) -> None:
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(columns + "\r\n")
        file.writelines(rows)


def _keypoint_rows(analysis: Analysis) -> Iterator[str]:
    values = np.concatenate(
        [
            analysis.trajectory.keypoints,
            analysis.trajectory.keypoints_3d,
            analysis.plane.positions,
            analysis.space.positions,
            analysis.plane.filled[..., None],
        ],
        axis=-1,
    )
    yield from _rows(analysis, analysis.skeleton.joints, values, _KEYPOINT_FORMAT)


def _motion_rows(analysis: Analysis) -> Iterator[str]:
    joints = [f"joint,{name}" for name in _joint_names(analysis)]
    angles = [f"{series.angle.kind},{series.angle.name}" for series in analysis.angles]
    of_angles = np.stack(
        [
            np.stack([series.degrees, series.velocity_deg_s, series.degrees_3d], axis=-1)
            for series in analysis.angles
        ],
        axis=1,
    )
    by_joint = _rows(analysis, joints, _joint_values(analysis), _JOINT_FORMAT)
    by_angle = _rows(analysis, angles, of_angles, _ANGLE_FORMAT)
    for _ in range(len(analysis.trajectory)):  # frame by frame
        yield next(by_joint)
        yield next(by_angle)


def _joint_names(analysis: Analysis) -> list[str]:
    own = analysis.skeleton.joints
    return [*own, *(joint for joint in _DERIVED_JOINTS if joint not in own)]


def _joint_values(analysis: Analysis) -> Float64:
    """(T, J, 16) in the order of the columns."""
    in_pixels = np.stack(
        [
            analysis.skeleton.take(
                np.concatenate(
                    [
                        analysis.plane.positions,
                        analysis.motion.velocity,
                        analysis.motion.acceleration,
                    ],
                    axis=-1,
                ),
                joint,
            )
            for joint in _joint_names(analysis)
        ],
        axis=1,
    )
    position, velocity, acceleration = np.split(in_pixels, 3, axis=-1)
    pixels = np.concatenate(
        [position, velocity, _length(velocity), acceleration, _length(acceleration)], axis=-1
    )
    return np.concatenate([pixels, pixels * (analysis.scale.m_per_px or np.nan)], axis=-1)


def _length(vectors: Float64) -> Float64:
    return np.asarray(np.linalg.norm(vectors, axis=-1, keepdims=True))


def _rows(analysis: Analysis, names: Sequence[str], values: Float64, numbers: str) -> Iterator[str]:
    """The rows of each frame in turn, from values (T, len(names), columns)."""
    person = analysis.trajectory.person
    frames = zip(
        analysis.trajectory.frame_index.tolist(), analysis.trajectory.time_s.tolist(), strict=True
    )
    for (frame, time_s), of_frame in zip(frames, values.tolist(), strict=True):
        head = f"{frame},{time_s:.6f},{person},"
        yield "".join(
            f"{head}{name},{(numbers % tuple(row)).replace('nan', '')}\r\n"
            for name, row in zip(names, of_frame, strict=True)
        )
