"""How close a result is to the ground truth of a rendered clip.

The ground truth is a JSON file beside the clip, of format ``podium-ground-truth/1``:
``joints`` (J names), ``keypoints_px`` [T, J, 2], ``joints_m`` [T, J, 3] in camera axes and
``boxes_px`` [T, 4] xyxy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podium.errors import InvalidInput
from podium.schemas.results import FrameResult, PersonResult
from podium.skeletons import Skeleton
from podium.types import Float64

FORMAT = "podium-ground-truth/1"
LIMBS = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""The joints that are scored: every skeleton has them, and all mean the same by them."""

_HIPS = [LIMBS.index("left_hip"), LIMBS.index("right_hip")]


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """The limbs and the box of the athlete on each frame of a clip."""

    keypoints_px: Float64  # (T, 12, 2)
    joints_m: Float64  # (T, 12, 3) camera axes
    boxes_px: Float64  # (T, 4) xyxy


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Scores over the frames that have both a result and a ground truth."""

    frames: int
    found: int
    """Frames with a person."""
    pck_10: float
    """PCK@0.1: share of limb joints within 0.1 of the longer side of the true box; a joint of a
    frame without a person counts as wrong (Yang and Ramanan, 2013)."""
    mpjpe_mm: float | None
    """Mean distance of limb joints once both mid-hips are at the origin, over the frames with a
    person; None without 3D key points."""


def read_ground_truth(path: Path) -> GroundTruth | None:
    """Read a ground-truth file; None if it is a JSON file of another kind.

    Raises:
        InvalidInput: the file says that it is one, but lacks something.
    """
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None
    try:
        columns = [content["joints"].index(name) for name in LIMBS]
        return GroundTruth(
            np.array(content["keypoints_px"], dtype=np.float64)[:, columns, :2],
            np.array(content["joints_m"], dtype=np.float64)[:, columns, :3],
            np.array(content["boxes_px"], dtype=np.float64).reshape(-1, 4),
        )
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise InvalidInput(f"{path}: is a damaged ground truth ({error})") from None


def score(frames: Iterable[FrameResult], skeleton: Skeleton, truth: GroundTruth) -> Accuracy | None:
    """Compare; on each frame with the person whose box overlaps the true one most.

    Args:
        frames: Of a pipeline's answer.
        skeleton: Of its key points.
        truth: Frame ``index`` of the answer is row ``index`` here.

    Returns:
        None if no frame has a ground truth.
    """
    correct: list[float] = []
    distances_m: list[float] = []
    found = 0
    for frame in frames:
        if frame.index >= len(truth.boxes_px):
            continue
        box = truth.boxes_px[frame.index]
        person = _overlapping(frame.persons, box)
        if person is None:
            correct.append(0.0)
            continue
        found += 1
        points_px = _limbs(person.keypoints, skeleton)[:, :2]
        error_px = np.linalg.norm(points_px - truth.keypoints_px[frame.index], axis=1)
        side_px = max(box[2] - box[0], box[3] - box[1])
        correct.append(float(np.mean(error_px < 0.1 * side_px)))
        if person.keypoints_3d is not None:
            points_m = _hip_centred(_limbs(person.keypoints_3d, skeleton))
            true_m = _hip_centred(truth.joints_m[frame.index])
            distances_m.append(float(np.linalg.norm(points_m - true_m, axis=1).mean()))
    if not correct:
        return None
    return Accuracy(
        frames=len(correct),
        found=found,
        pck_10=float(np.mean(correct)),
        mpjpe_mm=1000 * float(np.mean(distances_m)) if distances_m else None,
    )


def _limbs(keypoints: list[tuple[float, float, float]], skeleton: Skeleton) -> Float64:
    points = np.array(keypoints, dtype=np.float64)
    return np.stack([skeleton.take(points, name) for name in LIMBS])


def _hip_centred(points_m: Float64) -> Float64:
    centred: Float64 = points_m - points_m[_HIPS].mean(axis=0)
    return centred


def _overlapping(persons: list[PersonResult], box: Float64) -> PersonResult | None:
    return max(persons, key=lambda person: _iou(np.array(person.box), box), default=None)


def _iou(a: Float64, b: Float64) -> float:
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    common = float(np.prod(sides))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - common
    return common / union if union > 0 else 0.0
