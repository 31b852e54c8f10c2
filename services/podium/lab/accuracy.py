"""Compares a result with the ground truth of a rendered clip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podium.errors import InvalidInput
from podium.lab.athlete.ground_truth import load
from podium.lab.scores import LIMB_JOINTS, mpjpe_mm, pck
from podium.schemas.results import FrameResult, PersonResult
from podium.skeletons import Skeleton
from podium.types import Float32, Float64
from podium.vision.boxes import iou


@dataclass(frozen=True, slots=True)
class TrueLimbs:
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
    """PCK@0.1: share of limb joints within 0.1 of the longer side of the true box; on a frame
    without a person all joints count as wrong (Yang and Ramanan, 2013)."""
    mpjpe_mm: float | None
    """Mean distance of limb joints with both mid-hips at the origin, over the frames with a
    person; None without 3D key points."""


def read_true_limbs(path: Path) -> TrueLimbs | None:
    """Read a ground-truth file; None if it is a JSON file of another kind.

    Raises:
        InvalidInput: the file declares this format, but is damaged.
    """
    try:
        truth = load(path)
    except ValueError:
        return None
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path}: is a damaged ground truth ({error!r})") from None
    return TrueLimbs(truth.limb_keypoints_px(), truth.limb_joints_m(), truth.boxes_px)


def score(frames: Iterable[FrameResult], skeleton: Skeleton, truth: TrueLimbs) -> Accuracy | None:
    """Compare the truth with the person on each frame whose box overlaps the true box most.

    Args:
        frames: Frames of a pipeline's answer.
        skeleton: Skeleton of its key points.
        truth: Ground truth; its row ``index`` belongs to frame ``index``.

    Returns:
        None if no frame has a ground truth.
    """
    rows: list[int] = []
    points_px: list[Float64] = []
    points_m: list[Float64] = []
    found = 0
    for frame in frames:
        if frame.index >= len(truth.boxes_px):
            continue
        rows.append(frame.index)
        person = _overlapping(frame.persons, truth.boxes_px[frame.index])
        found += person is not None
        points_px.append(_limbs(person.keypoints if person else None, skeleton)[:, :2])
        points_m.append(_limbs(person.keypoints_3d if person else None, skeleton))
    if not rows:
        return None
    in_space = np.stack(points_m)
    return Accuracy(
        frames=len(rows),
        found=found,
        pck_10=pck(np.stack(points_px), truth.keypoints_px[rows], truth.boxes_px[rows], 0.1),
        mpjpe_mm=mpjpe_mm(in_space, truth.joints_m[rows]) if np.isfinite(in_space).any() else None,
    )


def _limbs(keypoints: list[tuple[float, float, float]] | None, skeleton: Skeleton) -> Float64:
    """The scored joints (12, 3); NaN if there is no person."""
    if keypoints is None:
        return np.full((len(LIMB_JOINTS), 3), np.nan)
    points = np.array(keypoints, dtype=np.float64)
    return np.stack([skeleton.take(points, name) for name in LIMB_JOINTS])


def _overlapping(persons: list[PersonResult], box: Float64) -> PersonResult | None:
    boxes: Float32 = np.array([person.box for person in persons], np.float32).reshape(-1, 4)
    overlap = iou(boxes, box[None].astype(np.float32))
    return persons[int(overlap.argmax())] if persons else None
