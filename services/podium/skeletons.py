"""Key point sets: names, edges to draw, left-right mirrors, and mappings between sets.

Sources: COCO-17 (COCO key point task), H36M-17 (Human3.6M as used for evaluation), H36M-18 and
MuCo-21 (the two training sets of 3DMPPE; ``head`` is its top), BlazePose-33 (BlazePose GHUM model
card), Halpe-26 (Halpe-FullBody). All sets use the same name for the same joint, so a mapping
between two sets is a look-up by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from podium.errors import NotFound
from podium.types import Float64

_LIMBS = (
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)

_VIRTUAL = MappingProxyType(
    {
        "mid_hip": ("left_hip", "right_hip"),
        "neck": ("left_shoulder", "right_shoulder"),
        "head": ("left_ear", "right_ear"),
    }
)
"""Joints that a set may lack -> two joints whose mean they are."""

_SYNONYMS = MappingProxyType(
    {
        "left_big_toe": "left_foot_index",
        "right_big_toe": "right_foot_index",
        "left_foot_index": "left_big_toe",
        "right_foot_index": "right_big_toe",
    }
)
"""The tip of the foot: foot index in BlazePose, big toe in Halpe."""


@dataclass(frozen=True)
class Skeleton:
    """A named, ordered set of key points."""

    name: str
    joints: tuple[str, ...]
    edges_by_name: tuple[tuple[str, str], ...]

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Joint name -> column."""
        return MappingProxyType({joint: i for i, joint in enumerate(self.joints)})

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Bones to draw, as pairs of columns."""
        return tuple((self.index[a], self.index[b]) for a, b in self.edges_by_name)

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """For each column, the column of the same joint on the other side."""
        return tuple(self.index[_other_side(joint)] for joint in self.joints)

    def __len__(self) -> int:
        return len(self.joints)

    def part(self, columns: Iterable[int]) -> Skeleton:
        """Only the joints of some columns, in that order, without edges."""
        return Skeleton(self.name, tuple(self.joints[column] for column in columns), ())

    def has(self, joint: str) -> bool:
        """Whether ``take`` can give this joint, directly or derived."""
        return self.columns(joint) is not None

    def take(self, keypoints: Float64, joint: str) -> Float64:
        """The values of a joint; derived from two others if the set lacks it.

        Args:
            keypoints: (..., J, C).
            joint: A name of any set, such as ``left_knee``, ``mid_hip``, ``left_big_toe``.

        Returns:
            (..., C), of a joint of the set a view.

        Raises:
            NotFound: the set has neither the joint nor the two others.
        """
        columns = self.columns(joint)
        if columns is None:
            raise NotFound(f"skeleton {self.name} has no joint {joint}")
        if len(columns) == 1:
            own: Float64 = keypoints[..., columns[0], :]
            return own
        values: Float64 = np.mean(keypoints[..., columns, :], axis=-2)
        return values

    def columns(self, joint: str) -> list[int] | None:
        """The columns whose mean is this joint; None if the set cannot give it."""
        for name in (joint, _SYNONYMS.get(joint, joint)):
            if name in self.index:
                return [self.index[name]]
        parts = _VIRTUAL.get(joint, ())
        if parts and all(part in self.index for part in parts):
            return [self.index[part] for part in parts]
        return None


def _other_side(joint: str) -> str:
    if joint.startswith("left_"):
        return "right_" + joint.removeprefix("left_")
    if joint.startswith("right_"):
        return "left_" + joint.removeprefix("right_")
    return joint


_COCO_JOINTS = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle"
)

COCO17 = Skeleton(
    "coco17",
    tuple(_COCO_JOINTS.split()),
    (
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        *_LIMBS,
    ),
)

_H36M_JOINTS = (
    "mid_hip right_hip right_knee right_ankle left_hip left_knee left_ankle torso neck "
    "nose head left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist"
)
_H36M_EDGES = (
    ("mid_hip", "torso"),
    ("torso", "neck"),
    ("neck", "nose"),
    ("nose", "head"),
    *_LIMBS,
)

H36M17 = Skeleton("h36m17", tuple(_H36M_JOINTS.split()), _H36M_EDGES)

H36M18 = Skeleton("h36m18", (*_H36M_JOINTS.split(), "thorax"), _H36M_EDGES)

MUCO21 = Skeleton(
    "muco21",
    tuple(
        (
            "head thorax right_shoulder right_elbow right_wrist left_shoulder left_elbow "
            "left_wrist right_hip right_knee right_ankle left_hip left_knee left_ankle mid_hip "
            "torso head_center right_hand left_hand right_big_toe left_big_toe"
        ).split()
    ),
    (
        ("mid_hip", "torso"),
        ("torso", "thorax"),
        ("thorax", "head_center"),
        ("head_center", "head"),
        ("left_wrist", "left_hand"),
        ("right_wrist", "right_hand"),
        ("left_ankle", "left_big_toe"),
        ("right_ankle", "right_big_toe"),
        *_LIMBS,
    ),
)

BLAZEPOSE33 = Skeleton(
    "blazepose33",
    tuple(
        (
            "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye "
            "right_eye_outer left_ear right_ear left_mouth right_mouth left_shoulder "
            "right_shoulder left_elbow right_elbow left_wrist right_wrist left_pinky right_pinky "
            "left_index right_index left_thumb right_thumb left_hip right_hip left_knee "
            "right_knee left_ankle right_ankle left_heel right_heel left_foot_index "
            "right_foot_index"
        ).split()
    ),
    (
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        ("left_mouth", "right_mouth"),
        ("left_wrist", "left_index"),
        ("right_wrist", "right_index"),
        ("left_ankle", "left_heel"),
        ("left_heel", "left_foot_index"),
        ("left_ankle", "left_foot_index"),
        ("right_ankle", "right_heel"),
        ("right_heel", "right_foot_index"),
        ("right_ankle", "right_foot_index"),
        *_LIMBS,
    ),
)

HALPE26 = Skeleton(
    "halpe26",
    (
        *_COCO_JOINTS.split(),
        *(
            "head neck mid_hip left_big_toe right_big_toe left_small_toe right_small_toe "
            "left_heel right_heel"
        ).split(),
    ),
    (
        ("head", "neck"),
        ("neck", "mid_hip"),
        ("left_ankle", "left_heel"),
        ("left_ankle", "left_big_toe"),
        ("left_big_toe", "left_small_toe"),
        ("right_ankle", "right_heel"),
        ("right_ankle", "right_big_toe"),
        ("right_big_toe", "right_small_toe"),
        *_LIMBS,
    ),
)

SKELETONS: Mapping[str, Skeleton] = MappingProxyType(
    {skeleton.name: skeleton for skeleton in (COCO17, H36M17, H36M18, MUCO21, BLAZEPOSE33, HALPE26)}
)


def skeleton(name: str) -> Skeleton:
    """Look a skeleton up by name. Raises NotFound, which names the known ones."""
    if name not in SKELETONS:
        raise NotFound(f"skeleton: there is no {name!r}; known are {', '.join(SKELETONS)}")
    return SKELETONS[name]
