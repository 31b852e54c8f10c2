"""The numbers of a trajectory that a coach reads first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

SIDE_VIEW_RATIO = 0.55
"""Shoulder width over trunk length, in the picture."""


def hip_speed_px_s(analysis: Analysis) -> Float64:
    """Speed of the middle of the hips, (T,)."""
    velocity = analysis.skeleton.take(analysis.motion.velocity, "mid_hip")
    return np.asarray(np.linalg.norm(velocity, axis=-1))


def is_side_view(analysis: Analysis) -> bool:
    """Whether the shoulders look narrow for the trunk, as they do from the side.

    Seen from the front they are about as wide as the trunk is long (Winter 2009).
    """
    positions, take = analysis.plane.positions, analysis.skeleton.take
    across = take(positions, "left_shoulder") - take(positions, "right_shoulder")
    along = take(positions, "neck") - take(positions, "mid_hip")
    ratio = np.linalg.norm(across, axis=-1) / np.maximum(np.linalg.norm(along, axis=-1), 1e-9)
    known = ratio[np.isfinite(ratio)]
    return not len(known) or float(np.median(known)) < SIDE_VIEW_RATIO


def summarise(analysis: Analysis, clip_frames: int) -> dict[str, Any]:
    """Headline numbers of one person; None where a number is not known.

    Args:
        analysis: Of the person.
        clip_frames: Frames of the whole clip.
    """
    trajectory, plane = analysis.trajectory, analysis.plane
    seen = int(np.isfinite(trajectory.scores).sum())
    speed = hip_speed_px_s(analysis)
    m_per_px = analysis.scale.m_per_px
    peak, mean = _number(np.max, speed), _number(np.mean, speed)
    facing = "right" if analysis.facing.sum() >= 0 else "left"
    return {
        "person": trajectory.person,
        "first_frame": int(trajectory.frame_index[0]),
        "last_frame": int(trajectory.frame_index[-1]),
        "first_time_s": _rounded(trajectory.time_s[0], 4),
        "last_time_s": _rounded(trajectory.time_s[-1], 4),
        "frames_seen": seen,
        "detection_ratio": _rounded(seen / clip_frames, 4),
        "frame_rate_hz": _rounded(rate_hz(trajectory.time_s), 4),
        "mean_keypoint_score": _rounded(_number(np.mean, trajectory.keypoints[..., 2]), 4),
        "keypoints_filled": int(plane.filled.sum()),
        "keypoints_rejected": int(plane.outliers.sum()),
        "keypoints_unfiltered": int((np.isfinite(plane.positions[..., 0]) & ~plane.filtered).sum()),
        "facing": facing,
        "side_view": is_side_view(analysis),
        "turns": int((np.diff(analysis.facing) != 0).sum()),
        "scale_source": analysis.scale.source,
        "m_per_px": _rounded(m_per_px, 8),
        "standing_height_px": _rounded(analysis.scale.athlete_height_px, 2),
        "hip_speed_peak_px_s": _rounded(peak, 2),
        "hip_speed_mean_px_s": _rounded(mean, 2),
        "hip_speed_peak_m_s": _scaled(peak, m_per_px),
        "hip_speed_mean_m_s": _scaled(mean, m_per_px),
        "angles_deg": {
            series.angle.name: {
                "min": _rounded(_number(np.min, series.degrees), 2),
                "mean": _rounded(_number(np.mean, series.degrees), 2),
                "max": _rounded(_number(np.max, series.degrees), 2),
            }
            for series in analysis.angles
            if series.angle.kind == "joint_angle"
        },
    }


def _number(statistic: Callable[[Float64], Any], values: Float64) -> float | None:
    known = values[np.isfinite(values)]
    return float(statistic(known)) if len(known) else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def _scaled(value_px: float | None, m_per_px: float | None) -> float | None:
    return None if value_px is None or m_per_px is None else round(value_px * m_per_px, 4)
