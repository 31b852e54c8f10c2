"""Metres per pixel of a single camera.

A single camera has no scale of its own. It comes from a known distance on the picture if that is
given, else from the athlete's height, else from the metric 3D key points of the model. It is valid
for motion in a plane parallel to the image at the athlete's distance, with a static camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from podium.biomechanics.body.angles import ANGLES, Angle, angle_in_plane
from podium.biomechanics.signals.noise import jitter
from podium.schemas.known_distance import KnownDistance
from podium.skeletons import Skeleton
from podium.types import Bool, Float64

ScaleSource = Literal["known_distance", "athlete_height", "3d_landmarks", "none"]

ASSUMPTION = (
    "Metres assume motion in a plane parallel to the image, at the athlete's distance, and a "
    "camera that stands still."
)
ANKLE_TO_SHOULDER = 0.818 - 0.039
"""Shoulder height minus ankle height, fractions of stature (Drillis & Contini, in Winter 2009)."""

BODY_SHORT = {"blazepose33": 0.953}
"""Length from ankle to shoulder in a model's key points, relative to the true one: BlazePose puts
hips and shoulders closer together. 0.94 to 0.97 on rendered athletes of known height seen from the
side; their true joints give 0.99."""

MODEL_SHORT = {"blazepose33": 0.86}
"""Size of athletes in a 3D model's key points, relative to the true one: 0.82 to 0.88 on the same
clips."""

HEIGHT_SD = 0.02
"""Relative standard uncertainty of a scale from the height. Contributions: 1.2 % from differences
between people (shoulder height over stature in ANSUR II), 0.9 % from the model (``BODY_SHORT``),
and 1 % error with the true joints of the rendered athlete."""

MODEL_SD = 0.05
"""Relative standard uncertainty of a scale from the 3D model, which hardly sees a height."""

DISTANCE_SD = 0.01
"""Relative standard uncertainty of a known distance: its plane is 1 % nearer or farther than the
motion's, which is 5 cm for a camera at 5 m."""

POINT_SD_PX = 2.0
"""Standard uncertainty of a point that a person reads off the picture."""

_BONES = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("shoulder", "hip"),
    )
)
_BENT_DEG = 90.0
_SHORT_FRACTION = 0.05  # of the box; shorter bones are seen end-on and not used

LEAST_HEIGHT_PX = 1.0
"""Key points that lie in one place have no height to measure by."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a pixel in metres, and its source."""

    m_per_px: float | None
    source: ScaleSource
    athlete_height_px: float | None = None
    relative_sd: float = 0.0  # standard uncertainty of m_per_px


def scale(
    positions: Float64,
    positions_3d: Float64,
    facing: Float64,
    skeleton: Skeleton,
    *,
    box_height_px: float,
    athlete_height_m: float | None,
    known_distance: KnownDistance | None = None,
) -> Scale:
    """Find the scale of one trajectory.

    Args:
        positions: (T, J, 2) pixels.
        positions_3d: (T, J, 3) metres, camera axes; all NaN without a 3D model.
        facing: (T,) +1 right, -1 left.
        skeleton: Names the J columns.
        box_height_px: Median height of the box.
        athlete_height_m: Standing height, if known.
        known_distance: Two points of the picture and their distance, if known.
    """
    height_px, relative_sd = standing_height_px(positions, facing, skeleton)
    if known_distance is not None:
        length_px = known_distance.length_px
        doubt = float(np.hypot(DISTANCE_SD, np.sqrt(2) * POINT_SD_PX / length_px))
        return Scale(known_distance.metres / length_px, "known_distance", height_px, doubt)
    if athlete_height_m is not None and height_px is not None:
        doubt = float(np.hypot(relative_sd, HEIGHT_SD))
        return Scale(athlete_height_m / height_px, "athlete_height", height_px, doubt)
    ratio = _ratio_to_3d(positions, positions_3d, skeleton, _SHORT_FRACTION * box_height_px)
    if ratio is not None:
        factor = MODEL_SHORT.get(skeleton.name, 1.0)
        return Scale(ratio / factor, "3d_landmarks", height_px, MODEL_SD)
    return Scale(None, "none", height_px)


def standing_height_px(
    positions: Float64, facing: Float64, skeleton: Skeleton
) -> tuple[float | None, float]:
    """Standing height from shank, thigh and trunk, and its relative uncertainty from jitter.

    The trimmed mean over frames and sides. Legs with knee or hip flexed beyond 90 degrees are left
    out, unless all are.
    """
    sides = [_heights(positions, facing, skeleton, side) for side in ("left", "right")]
    heights, straight = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    known = np.isfinite(heights)
    chosen = heights[known & straight] if (known & straight).any() else heights[known]
    if not len(chosen):
        return None, 0.0
    height_px = _trimmed_mean(chosen, 0.1)
    if height_px < LEAST_HEIGHT_PX:
        return None, 0.0
    noise_px = float(np.nan_to_num(np.mean([jitter(of_side) for of_side, _ in sides])))
    # Both sides contain the trunk, so they count as one sample.
    relative_sd = noise_px / height_px / np.sqrt(max(len(chosen) / 2, 1.0))
    return height_px / BODY_SHORT.get(skeleton.name, 1.0), relative_sd


def _trimmed_mean(values: Float64, share: float) -> float:
    """The mean without this share of the lowest and of the highest values."""
    cut = int(share * len(values))
    last = len(values) - cut - 1
    return float(np.mean(np.partition(values, (cut, last))[cut : last + 1]))


def _heights(
    positions: Float64, facing: Float64, skeleton: Skeleton, side: str
) -> tuple[Float64, Bool]:
    """Height (T,) from one side of the body, and whether its leg is nearly straight."""
    chain = [f"{side}_{joint}" for joint in ("ankle", "knee", "hip", "shoulder")]
    points = np.stack([skeleton.take(positions, joint) for joint in chain], axis=1)
    length = np.linalg.norm(np.diff(points, axis=1), axis=-1).sum(axis=1)
    straight = np.ones(len(length), bool)
    for name in ("knee_flexion", "hip_flexion"):
        bend = angle_in_plane(_named(f"{side}_{name}"), positions, facing, skeleton)
        straight &= np.abs(bend) < _BENT_DEG
    return np.asarray(length / ANKLE_TO_SHOULDER), straight


def _named(name: str) -> Angle:
    return next(angle for angle in ANGLES if angle.name == name)


def _ratio_to_3d(
    positions: Float64, positions_3d: Float64, skeleton: Skeleton, shortest_px: float
) -> float | None:
    """Median over bones and frames of the length in the image plane, in metres per pixel."""
    ratios = []
    for a, b in _BONES:
        px = skeleton.take(positions, a) - skeleton.take(positions, b)
        m = skeleton.take(positions_3d, a) - skeleton.take(positions_3d, b)
        length_px = np.linalg.norm(px, axis=-1)
        long = length_px > max(shortest_px, 1.0)
        ratio = np.linalg.norm(m[long, :2], axis=-1) / length_px[long]
        ratios.append(ratio[ratio > 0])
    known = np.concatenate(ratios)
    return float(np.median(known)) if len(known) else None
