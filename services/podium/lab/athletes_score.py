"""Scores of detection, key points and identities of several athletes, against ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np
import scipy

from podium.biomechanics.persons.trajectories import Trajectory
from podium.lab.athlete.ground_truth import GroundTruth
from podium.lab.scores import LIMB_JOINTS
from podium.skeletons import Skeleton
from podium.types import Bool, Float64
from podium.vision.boxes import iou

_IN_SIGHT = 0.98  # share of the box in the frame from which the athlete must be found
_PARTLY = 0.02  # share of the box in the frame below which nobody is there
_SAME_IOU = 0.3
_LEGS = [i for i, name in enumerate(LIMB_JOINTS) if name.endswith(("knee", "ankle"))]
_MIRROR = [i ^ 1 for i in range(len(LIMB_JOINTS))]
_LASTING = 3  # frames in a row from which an identity counts
_APART = 0.15  # distance of the legs, relative to the body, below which they look the same


@dataclass(slots=True)
class Score:
    """Scores over the frames on which athletes are completely in the frame.

    Attributes:
        frames: Number of (athlete, frame) pairs.
        found: Number of these pairs with a person (box IoU of at least 0.3).
        pck_10: PCK@0.1 of limb joints over ``frames``; joints not found are wrong.
        pck_10_of_found: PCK@0.1 over ``found``.
        ghosts: Persons that match no athlete, summed over the frames.
        identities: Persons that match an athlete on at least three frames in a row, summed over
            the athletes. On a frame where one hides another, a person may match either.
        exchanges: How often a person changes from one athlete to another.
        changes: How often an athlete changes from one person to another.
        flips: Frames of ``found`` on which left and right leg are swapped.
    """

    frames: int = 0
    found: int = 0
    pck_10: float = 0.0
    pck_10_of_found: float = 0.0
    ghosts: int = 0
    identities: int = 0
    exchanges: int = 0
    changes: int = 0
    flips: int = 0
    person_of: list[int | None] = field(default_factory=list)
    """For each athlete, the person who matches most often."""


def score_athletes(
    persons: Sequence[Trajectory], skeleton: Skeleton, truths: Sequence[GroundTruth]
) -> Score:
    """Compare persons over a clip with its athletes.

    Args:
        persons: All found persons; frame ``index`` belongs to row ``index`` of the truths.
        skeleton: Skeleton of their key points.
        truths: Ground truth of the athletes.
    """
    score = Score()
    shares = [_share_in_frame(truth) for truth in truths]
    limbs = [truth.limb_keypoints_px() for truth in truths]
    named: list[list[int]] = [[] for _ in truths]
    athletes_of: dict[int, list[int]] = {}
    correct: list[float] = []
    for frame in range(len(truths[0].boxes_px)):
        seen = [(p, row) for p in persons if (row := _row(p, frame)) is not None]
        there = [a for a in range(len(truths)) if shares[a][frame] > _PARTLY]
        pairs = _pairs(
            np.array([p.boxes[row] for p, row in seen]).reshape(-1, 4),
            np.array([_limbs(p, row, skeleton) for p, row in seen]).reshape(
                -1, len(LIMB_JOINTS), 2
            ),
            np.array([truths[a].boxes_px[frame] for a in there]).reshape(-1, 4),
            np.array([limbs[a][frame] for a in there]).reshape(-1, len(LIMB_JOINTS), 2),
        )
        score.ghosts += len(seen) - len(pairs)
        for column, athlete in enumerate(there):
            if shares[athlete][frame] < _IN_SIGHT:
                continue
            score.frames += 1
            row = pairs.get(column)
            if row is None:
                continue
            person, at = seen[row]
            points = _limbs(person, at, skeleton)
            box = truths[athlete].boxes_px[frame]
            side = max(box[2] - box[0], box[3] - box[1])
            error = np.linalg.norm(points - limbs[athlete][frame], axis=1) / side
            correct.append(float(np.mean(error < 0.1)))
            score.found += 1
            score.flips += _is_flipped(points, limbs[athlete][frame], side)
            named[athlete].append(person.person)
            athletes_of.setdefault(person.person, []).append(athlete)
    score.pck_10 = sum(correct) / max(score.frames, 1)
    score.pck_10_of_found = sum(correct) / max(score.found, 1)
    score.identities = sum(len(set(_lasting(names))) for names in named)
    score.changes = sum(_changes(names) for names in named)
    score.exchanges = sum(_changes(athletes) for athletes in athletes_of.values())
    score.person_of = [max(set(n), key=n.count) if n else None for n in named]
    return score


def _changes(names: list[int]) -> int:
    """How often a sequence changes for longer than a moment."""
    return sum(a != b for a, b in pairwise(_lasting(names)))


def _lasting(names: list[int]) -> list[int]:
    """The names that occur at least ``_LASTING`` times in a row."""
    runs = ((name, len(list(run))) for name, run in groupby(names))
    return [name for name, length in runs if length >= _LASTING]


def _row(person: Trajectory, frame: int) -> int | None:
    row = int(np.searchsorted(person.frame_index, frame))
    if row == len(person) or person.frame_index[row] != frame:
        return None
    return row if np.isfinite(person.scores[row]) else None


def _limbs(person: Trajectory, row: int, skeleton: Skeleton) -> Float64:
    points = [skeleton.take(person.keypoints[row], name)[:2] for name in LIMB_JOINTS]
    return np.array(points)


def _pairs(
    boxes: Float64, points: Float64, true_boxes: Float64, true_points: Float64
) -> dict[int, int]:
    """Athlete -> person, such that the sum of the limbs' distances is minimal."""
    if not len(boxes) or not len(true_boxes):
        return {}
    far = 1e6
    distance = np.linalg.norm(points[:, None] - true_points[None], axis=-1).mean(axis=-1)
    overlap = iou(boxes.astype(np.float32), true_boxes.astype(np.float32))
    cost = np.where(overlap >= _SAME_IOU, np.nan_to_num(distance, nan=far / 2), far)
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    return {
        int(column): int(row)
        for row, column in zip(rows, columns, strict=True)
        if cost[row, column] < far
    }


def _is_flipped(points: Float64, truth: Float64, side: float) -> bool:
    """Whether the legs fit better with left and right swapped."""
    apart = np.linalg.norm(truth - truth[_MIRROR], axis=1)[_LEGS].mean()
    if apart < _APART * side:
        return False
    as_said = np.linalg.norm(points - truth, axis=1)[_LEGS].mean()
    mirrored = np.linalg.norm(points[_MIRROR] - truth, axis=1)[_LEGS].mean()
    return bool(mirrored < as_said)


def _share_in_frame(truth: GroundTruth) -> Float64:
    """Share (T,) of each true box that lies in the frame."""
    width, height = truth.size_px
    box = truth.boxes_px
    inside = np.clip(box, 0, [width, height, width, height])
    whole: Float64 = np.prod(box[:, 2:] - box[:, :2], axis=1)
    seen: Float64 = np.prod(np.clip(inside[:, 2:] - inside[:, :2], 0, None), axis=1)
    return np.asarray(seen / whole)


def in_sight(truth: GroundTruth) -> Bool:
    """Frames (T,) on which an athlete is completely in the frame."""
    return np.asarray(_share_in_frame(truth) >= _IN_SIGHT)
