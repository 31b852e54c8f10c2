"""The observations of one athlete, in the order of the body's points, with weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from podium.biomechanics.fit.model import Body
from podium.biomechanics.signals.timeline import pauses
from podium.skeletons import Skeleton
from podium.types import Bool, Float64

SCORE_THRESHOLD = 0.3
STATURE_M = 1.75
FOCAL_PER_DIAGONAL = 0.65
FOCAL_SD, KNOWN_FOCAL_SD = 0.25, 0.005
ANKLE_TO_SHOULDER = 0.818 - 0.039
"""Shoulder height minus ankle height, fractions of stature (Drillis & Contini, in Winter 2009)."""
_PLANE = np.array([1.0, -1.0, -1.0])  # camera axes (y down, z away) to y up, z towards the camera


@dataclass(frozen=True, slots=True)
class Lens:
    """The known or assumed parameters of the camera."""

    focal_px: float
    focal_sd: float  # standard deviation of its logarithm
    centre_px: tuple[float, float]
    aspect: float = 1.0  # vertical pixels are this much larger than horizontal ones


@dataclass(frozen=True, slots=True)
class Observations:
    """One athlete over T frames; P points of the body. No NaN: weight 0 means unseen."""

    time_s: Float64  # (T,)
    breaks: Bool  # (T,) True: not the continuation of the sample before
    pixels: Float64  # (T, P, 2) from the principal point, y down
    weight: Float64  # (T, P) 0: unseen, 1: certain
    space: Float64  # (T, P, 3) metres from the mid-hip; level axes of an upright camera
    space_weight: Float64  # (T, P)
    height_px: Float64  # (T,) standing height of the athlete in the picture
    lens: Lens
    stature_m: float
    stature_known: bool

    def __len__(self) -> int:
        return len(self.time_s)

    def rows(self, part: slice) -> Observations:
        """Some of the frames."""
        names = ("time_s", "breaks", "pixels", "weight", "space", "space_weight", "height_px")
        return replace(self, **{name: getattr(self, name)[part] for name in names})


def along_rays(body: Body, seen: Observations, focal_px: float) -> Observations:
    """Rotate the landmarks from the axes of the crop's camera to those of the frame's camera.

    A pose model sees a crop, so its camera axes point along the ray to the middle of the crop.
    """
    hips = [body.point_index[f"{side}_hip"] for side in ("right", "left")]
    across, down = np.arctan(seen.pixels[:, hips].mean(axis=1) / focal_px).T
    return replace(seen, space=np.einsum("tij,tpj->tpi", _towards(across, down), seen.space))


def _towards(across: Float64, down: Float64) -> Float64:
    """Rotations (T, 3, 3) by angles (T,) to the right about Y, then down about the turned X."""
    cos, sin, down_cos, down_sin = np.cos(across), np.sin(across), np.cos(down), np.sin(down)
    zero = np.zeros_like(cos)
    rows = [
        [cos, sin * down_sin, -sin * down_cos],
        [zero, down_cos, down_sin],
        [sin, -cos * down_sin, cos * down_cos],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def without_points(seen: Observations, columns: NDArray[np.intp]) -> Observations:
    """Set the weight of these points to 0."""
    weight, space_weight = seen.weight.copy(), seen.space_weight.copy()
    weight[:, columns] = space_weight[:, columns] = 0.0
    return replace(seen, weight=weight, space_weight=space_weight)


def without_some(seen: Observations, points: Bool) -> Observations:
    """Set the weight of these points (T, P) to 0, each on its own frames."""
    return replace(seen, weight=seen.weight * ~points, space_weight=seen.space_weight * ~points)


def lens_of(
    frame_size: tuple[int, int], intrinsics: tuple[float, float, float, float] | None
) -> Lens:
    """The lens with intrinsics fx, fy, cx, cy, or a typical phone's lens."""
    width, height = frame_size
    if intrinsics is not None:
        fx, fy, cx, cy = intrinsics
        return Lens(fx, KNOWN_FOCAL_SD, (cx, cy), fx / fy)
    focal = FOCAL_PER_DIAGONAL * float(np.hypot(width, height))
    return Lens(focal, FOCAL_SD, ((width - 1) / 2, (height - 1) / 2))


def observe(
    body: Body,
    skeleton: Skeleton,
    keypoints_px: Float64,
    scores: Float64,
    time_s: Float64,
    *,
    lens: Lens,
    landmarks_m: Float64 | None,
    stature_m: float | None,
) -> Observations:
    """Sort key points (T, J, 2), scores (T, J) and landmarks (T, J, 3) into the body's order."""
    frames = len(time_s)
    pixels = np.full((frames, len(body.points), 2), np.nan)
    space = np.full((frames, len(body.points), 3), np.nan)
    weight = np.zeros((frames, len(body.points)))
    for column, point in enumerate(body.points):
        if not skeleton.has(point.name):
            continue
        pixels[:, column] = skeleton.take(keypoints_px, point.name)
        weight[:, column] = skeleton.take(scores[..., None], point.name)[:, 0]
        if landmarks_m is not None:
            space[:, column] = skeleton.take(landmarks_m, point.name) * _PLANE
    pixels = (pixels - lens.centre_px) * (1.0, lens.aspect)
    seen = np.isfinite(pixels).all(axis=-1) & (weight >= SCORE_THRESHOLD)
    deep = seen & np.isfinite(space).all(axis=-1)
    hips = [body.point_index[f"{side}_hip"] for side in ("right", "left")]
    space = space - space[:, hips].mean(axis=1, keepdims=True)
    deep &= np.isfinite(space).all(axis=-1)
    pixels = np.where(seen[..., None], pixels, 0.0)
    return Observations(
        time_s=time_s,
        breaks=pauses(time_s),
        pixels=pixels,
        weight=np.where(seen, np.clip(weight, 0.0, 1.0), 0.0),
        space=np.where(deep[..., None], space, 0.0),
        space_weight=deep.astype(float),
        height_px=_height_px(body, pixels, seen),
        lens=lens,
        stature_m=stature_m or STATURE_M,
        stature_known=stature_m is not None,
    )


def _height_px(body: Body, pixels: Float64, seen: Bool) -> Float64:
    """Standing height (T,) in pixels, from the longest ankle-to-shoulder length within a second.

    A bone seen end-on looks short, so the maximum over sides and neighbouring frames is used.
    """
    sides = []
    for side in ("right", "left"):
        chain = [body.point_index[f"{side}_{name}"] for name in ("ankle", "knee", "hip")]
        bones = np.linalg.norm(np.diff(pixels[:, chain], axis=1), axis=-1).sum(axis=1)
        sides.append(np.where(seen[:, chain].all(axis=1), bones, np.nan))
    trunk = _trunk_px(body, pixels, seen)
    known = np.stack(sides, axis=1)
    longest = np.where(np.isfinite(known), known, 0.0).max(axis=1)
    longest = np.where(longest > 0, longest + np.where(trunk > 0, trunk, 0.587 * longest), np.nan)
    good = np.flatnonzero(np.isfinite(longest))
    if not len(good):
        return np.ones(len(pixels))
    filled = np.interp(np.arange(len(pixels)), good, longest[good]) / ANKLE_TO_SHOULDER
    steady = scipy.ndimage.median_filter(filled, min(9, len(filled)), mode="nearest")
    width = min(61, len(filled))
    high = scipy.ndimage.percentile_filter(steady, 90, width, mode="nearest")
    return np.maximum(scipy.ndimage.uniform_filter1d(high, width, mode="nearest"), 1.0)


def _trunk_px(body: Body, pixels: Float64, seen: Bool) -> Float64:
    """Distance (T,) from mid-hip to mid-shoulder; 0 where one of the four points is unseen."""
    hips, shoulders = (
        [body.point_index[f"{side}_{name}"] for side in ("right", "left")]
        for name in ("hip", "shoulder")
    )
    along = pixels[:, hips].mean(axis=1) - pixels[:, shoulders].mean(axis=1)
    known = seen[:, hips].all(axis=1) & seen[:, shoulders].all(axis=1)
    return np.where(known, np.linalg.norm(along, axis=1), 0.0)
