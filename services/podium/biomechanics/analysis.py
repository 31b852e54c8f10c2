"""One trajectory through the whole analysis: read this file first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from podium.biomechanics.body.angles import (
    Angle,
    angle_in_plane,
    angles_of,
    angular_velocity,
    joint_angle_3d,
)
from podium.biomechanics.body.facing import facing
from podium.biomechanics.body.scale import Scale, scale
from podium.biomechanics.persons.trajectories import Trajectory
from podium.biomechanics.signals.filters import Smoothing, smooth
from podium.biomechanics.signals.gaps import fill_gaps, outliers
from podium.biomechanics.signals.kinematics import Motion, motion
from podium.biomechanics.signals.timeline import pauses
from podium.skeletons import Skeleton
from podium.types import Bool, Float64

BODY_HEIGHT_M = 1.75


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """What the analysis leaves to choose."""

    smoothing: Smoothing = field(default_factory=Smoothing)
    max_gap_frames: int = 10
    athlete_height_m: float | None = None
    athlete_mass_kg: float | None = None


@dataclass(frozen=True, slots=True)
class AngleSeries:
    """One angle over time, each (T,)."""

    angle: Angle
    degrees: Float64
    velocity_deg_s: Float64
    degrees_3d: Float64  # joint angles only; NaN without 3D key points


@dataclass(frozen=True, slots=True)
class Track:
    """Key points cleaned and smoothed."""

    positions: Float64  # (T, J, D)
    measured: Float64  # (T, J, D) short gaps filled, but not smoothed
    filled: Bool  # (T, J) interpolated, not measured
    filtered: Bool  # (T, J) False: the run was too short for the filter
    outliers: Bool  # (T, J) measured, but thrown away


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is derived from one trajectory."""

    trajectory: Trajectory
    skeleton: Skeleton
    plane: Track  # D = 2, pixels
    space: Track  # D = 3, metres
    breaks: Bool  # (T,) True: not the continuation of the frame before
    facing: Float64  # (T,) +1 right, -1 left
    scale: Scale
    motion: Motion  # px/s and px/s^2, D = 2
    angles: tuple[AngleSeries, ...]
    athlete_mass_kg: float | None = None


def analyse(trajectory: Trajectory, skeleton: Skeleton, options: AnalysisOptions) -> Analysis:
    """Drop outliers, fill short gaps, smooth; then angles, velocities and the scale.

    Nothing is differentiated before it is smoothed (see ``kinematics.motion``).
    """
    time_s = trajectory.time_s
    breaks = pauses(time_s)
    height_px = trajectory.height_px
    seen = trajectory.seen[..., None]
    pixels = np.where(seen, trajectory.keypoints[..., :2], np.nan)
    metres = np.where(seen, trajectory.keypoints_3d, np.nan)
    plane = _clean(pixels, time_s, breaks, options, unit=max(height_px, 1.0))
    space = _clean(metres, time_s, breaks, options, unit=BODY_HEIGHT_M)
    faces = facing(plane.positions, time_s, skeleton)
    turns = np.append(False, np.diff(faces) != 0)
    return Analysis(
        trajectory=trajectory,
        skeleton=skeleton,
        plane=plane,
        space=space,
        breaks=breaks,
        facing=faces,
        scale=scale(
            plane.positions,
            space.positions,
            faces,
            skeleton,
            box_height_px=height_px,
            athlete_height_m=options.athlete_height_m,
        ),
        motion=motion(plane.positions, plane.filtered[..., None], time_s, breaks),
        angles=tuple(
            _series(angle, plane, space, faces, skeleton, time_s=time_s, breaks=breaks | turns)
            for angle in angles_of(skeleton)
        ),
        athlete_mass_kg=options.athlete_mass_kg,
    )


def _clean(
    keypoints: Float64, time_s: Float64, breaks: Bool, options: AnalysisOptions, *, unit: float
) -> Track:
    frames, joints, dims = keypoints.shape
    rejected = outliers(keypoints.reshape(frames, -1)).reshape(keypoints.shape)
    bad = np.asarray(rejected.any(axis=-1))
    kept = np.where(bad[..., None], np.nan, keypoints).reshape(frames, -1)
    whole, filled = fill_gaps(kept, time_s, breaks, max_frames=options.max_gap_frames)
    positions, filtered = smooth(whole, time_s, breaks, options.smoothing, unit=unit)
    return Track(
        positions=positions.reshape(keypoints.shape),
        measured=whole.reshape(keypoints.shape),
        filled=filled.reshape(frames, joints, dims)[..., 0],
        filtered=filtered.reshape(frames, joints, dims)[..., 0],
        outliers=bad,
    )


def _series(
    angle: Angle,
    plane: Track,
    space: Track,
    faces: Float64,
    skeleton: Skeleton,
    *,
    time_s: Float64,
    breaks: Bool,
) -> AngleSeries:
    degrees = angle_in_plane(angle, plane.positions, faces, skeleton)
    usable = np.where(plane.filtered[..., None], plane.positions, np.nan)
    steady = angle_in_plane(angle, usable, faces, skeleton)
    joint = angle.kind == "joint_angle"
    return AngleSeries(
        angle=angle,
        degrees=degrees,
        velocity_deg_s=angular_velocity(steady, time_s, breaks, angle.period_deg),
        degrees_3d=joint_angle_3d(angle, space.positions, skeleton)
        if joint
        else np.full_like(degrees, np.nan),
    )
