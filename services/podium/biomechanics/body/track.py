"""Cleans key points: without outliers, short gaps filled, smoothed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from podium.biomechanics.body.floor import Floor
from podium.biomechanics.persons.trajectories import Trajectory
from podium.biomechanics.signals.blunders import blunders
from podium.biomechanics.signals.filters import Smoothing, smooth
from podium.biomechanics.signals.gaps import fill_gaps, outliers
from podium.types import Bool, Float64

BODY_HEIGHT_M = 1.75
_JOINTS_AT_ONCE = 8
"""Joints are cleaned a few at a time, as that takes several times their memory."""


@dataclass(frozen=True, slots=True)
class Track:
    """Cleaned and smoothed key points."""

    positions: Float64  # (T, J, D)
    measured: Float64  # (T, J, D) short gaps filled, not smoothed
    filled: Bool  # (T, J) interpolated, not measured
    filtered: Bool  # (T, J) False: the run was too short for the filter
    outliers: Bool  # (T, J) measured, but rejected

    def levelled(self, floor: Floor) -> Track:
        """The key points of the picture as a level camera would see them."""
        return replace(
            self,
            positions=floor.levelled(self.positions),
            measured=floor.levelled(self.measured),
        )


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How key points are cleaned."""

    smoothing: Smoothing
    max_gap_frames: int
    breaks: Bool  # (T,) True: not the continuation of the frame before
    trusted: Bool  # (T, J) these key points are no outliers


def clean_plane(trajectory: Trajectory, how: Cleaning) -> Track:
    """The key points in the picture, pixels."""
    pixels = trajectory.keypoints[..., :2]
    frames, joints, dims = pixels.shape
    places = np.empty((2, frames, joints, dims))
    flags = np.empty((3, frames, joints), bool)
    track = Track(places[0], places[1], flags[0], flags[1], flags[2])
    unit = max(trajectory.height_px, 1.0)
    for part, some in _cleaned(pixels, trajectory, how, unit):
        track.positions[:, part], track.measured[:, part] = some.positions, some.measured
        track.filled[:, part], track.filtered[:, part] = some.filled, some.filtered
        track.outliers[:, part] = some.outliers
    return track


def clean_space(trajectory: Trajectory, how: Cleaning) -> Float64:
    """The key points in space (T, J, 3), metres; NaN where the model gives none."""
    metres = trajectory.keypoints_3d
    if not np.isfinite(metres).any():
        return np.broadcast_to(np.nan, metres.shape)  # takes no memory
    positions = np.empty(metres.shape)
    for part, some in _cleaned(metres, trajectory, how, BODY_HEIGHT_M):
        positions[:, part] = some.positions
    return positions


def _cleaned(
    keypoints: Float64, trajectory: Trajectory, how: Cleaning, unit: float
) -> Iterator[tuple[slice, Track]]:
    """Some joints after the others: their columns, and their track."""
    seen = trajectory.seen
    for start in range(0, keypoints.shape[1], _JOINTS_AT_ONCE):
        part = slice(start, start + _JOINTS_AT_ONCE)
        values = np.where(seen[:, part, None], keypoints[:, part], np.nan)
        yield part, _clean(values, trajectory.time_s, how, how.trusted[:, part], unit)


def _clean(keypoints: Float64, time_s: Float64, how: Cleaning, trusted: Bool, unit: float) -> Track:
    shape = keypoints.shape
    rejected = outliers(keypoints.reshape(len(keypoints), -1)).reshape(shape)
    bad = np.asarray(rejected.any(axis=-1)) | blunders(keypoints / unit, time_s, how.breaks)
    bad &= ~trusted
    kept = np.where(bad[..., None], np.nan, keypoints).reshape(len(keypoints), -1)
    whole, filled = fill_gaps(kept, time_s, how.breaks, max_frames=how.max_gap_frames)
    positions, filtered = smooth(whole, time_s, how.breaks, how.smoothing, unit=unit)
    return Track(
        positions=positions.reshape(shape),
        measured=whole.reshape(shape),
        filled=filled.reshape(shape)[..., 0],
        filtered=filtered.reshape(shape)[..., 0],
        outliers=bad,
    )
