"""Centre of mass of the whole body from key points.

Masses and centres of the segments: de Leva 1996, the mean of women and men; the trunk from the
middle of the shoulders to the middle of the hips (de Leva's alternative endpoints). The head is
a point mass at the middle of the ears, or at the nose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from podium.skeletons import Skeleton
from podium.types import Float64


@dataclass(frozen=True, slots=True)
class Segment:
    """One rigid part of the body."""

    proximal: str
    distal: str
    mass: float  # fraction of the body
    centre: float  # fraction of the length, from the proximal end


def _mean(women: float, men: float) -> float:
    return (women + men) / 2


_HEAD_MASS = _mean(0.0668, 0.0694)
_TRUNK = Segment("neck", "mid_hip", _mean(0.4257, 0.4346), _mean(0.3782, 0.4310))
_LIMBS = (
    ("shoulder", "elbow", _mean(0.0255, 0.0271), _mean(0.5754, 0.5772)),
    ("elbow", "wrist", _mean(0.0138, 0.0162), _mean(0.4559, 0.4574)),
    ("wrist", "index", _mean(0.0056, 0.0061), _mean(0.7474, 0.7900)),
    ("hip", "knee", _mean(0.1478, 0.1416), _mean(0.3612, 0.4095)),
    ("knee", "ankle", _mean(0.0481, 0.0433), _mean(0.4352, 0.4395)),
    ("heel", "big_toe", _mean(0.0129, 0.0137), _mean(0.4014, 0.4415)),
)
_INSTEAD = {"index": "wrist", "heel": "ankle", "big_toe": "ankle"}
"""Joint that the skeleton may lack -> joint to use instead."""
_HIDDEN = {"index": "wrist"}
"""Joint that may be unknown for a while -> joint to use meanwhile: a hand behind the trunk. It is
0.6 % of the mass, so the centre of mass moves by 0.5 mm."""


def segments_of(skeleton: Skeleton) -> tuple[Segment, ...]:
    """The segments of a skeleton; empty if it has no head, shoulders or hips."""
    head = next((joint for joint in ("head", "nose") if skeleton.has(joint)), None)
    if head is None or not all(skeleton.has(joint) for joint in ("neck", "mid_hip")):
        return ()
    return (Segment(head, head, _HEAD_MASS, 0.5), _TRUNK, *_limbs(skeleton))


def _limbs(skeleton: Skeleton) -> Iterator[Segment]:
    for side in ("left", "right"):
        for proximal, distal, mass, centre in _LIMBS:
            ends = [
                f"{side}_{joint if skeleton.has(f'{side}_{joint}') else _INSTEAD.get(joint, joint)}"
                for joint in (proximal, distal)
            ]
            yield Segment(ends[0], ends[1], mass, centre)


def centre_of_mass(positions: Float64, skeleton: Skeleton) -> Float64:
    """The centre of mass over time.

    Args:
        positions: (T, J, D), any unit.
        skeleton: Names the J columns.

    Returns:
        (T, D); NaN on frames with an unknown joint other than a hand, and for skeletons without a
        head.
    """
    segments = segments_of(skeleton)
    if not segments:
        return np.full((len(positions), positions.shape[-1]), np.nan)
    total = sum(segment.mass for segment in segments)
    weighted = [
        segment.mass
        / total
        * (
            (1 - segment.centre) * _place(positions, skeleton, segment.proximal)
            + segment.centre * _place(positions, skeleton, segment.distal)
        )
        for segment in segments
    ]
    return np.asarray(np.sum(weighted, axis=0))


def _place(positions: Float64, skeleton: Skeleton, joint: str) -> Float64:
    place = skeleton.take(positions, joint)
    side, _, part = joint.partition("_")
    if part not in _HIDDEN:
        return place
    return np.where(np.isfinite(place), place, skeleton.take(positions, f"{side}_{_HIDDEN[part]}"))
