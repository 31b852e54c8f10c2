"""The body: segments, the hinges between them, lengths, and visible points.

A segment is attached to its parent at a place that is a sum of lengths times fixed directions. It
rotates about up to three hinges in order, each about an axis of its own frame. The order of hinges
is that of OpenSim's gait models (flexion, adduction, rotation), so the angles mean the same.
The pelvis first rotates about the vertical (yaw), which has no singularity for an upright body.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Places = tuple[tuple[str, tuple[float, float, float]], ...]
"""Names of lengths, with their directions."""

SIDES = ("right", "left")


@dataclass(frozen=True, slots=True)
class Hinge:
    """One degree of freedom: a rotation about axis 0, 1 or 2 of the segment, negated by sign -1."""

    name: str
    axis: int
    sign: float = 1.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A rigid part, its place on its parent, and its hinges."""

    name: str
    parent: str | None
    place: Places
    hinges: tuple[Hinge, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A key point, fixed on a segment."""

    name: str
    segment: str
    place: Places


@dataclass(frozen=True)
class Body:
    """Segments from the pelvis outwards (a parent comes before its children), and points."""

    segments: tuple[Segment, ...]
    points: tuple[Point, ...]
    lengths: dict[str, float]
    """Usual lengths as fractions of the standing height."""

    @cached_property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the N coordinates: the position of the pelvis, then every hinge."""
        hinges = [hinge.name for segment in self.segments for hinge in segment.hinges]
        return ("pelvis_x", "pelvis_y", "pelvis_z", *hinges)

    @cached_property
    def index(self) -> dict[str, int]:
        """Coordinate -> column."""
        return {name: i for i, name in enumerate(self.coordinates)}

    @cached_property
    def point_index(self) -> dict[str, int]:
        """Point -> column."""
        return {point.name: i for i, point in enumerate(self.points)}

    @cached_property
    def length_index(self) -> dict[str, int]:
        """Length -> column."""
        return {name: i for i, name in enumerate(self.lengths)}

    @cached_property
    def arm_coordinates(self) -> NDArray[np.intp]:
        """Columns of the hinges of the arms, which are fitted after the rest."""
        names = ("shoulder", "elbow")
        return np.array([i for n, i in self.index.items() if any(a in n for a in names)], np.intp)

    @cached_property
    def arm_points(self) -> NDArray[np.intp]:
        """Columns of the points that depend only on the arms."""
        names = ("elbow", "wrist")
        return np.array(
            [i for n, i in self.point_index.items() if any(a in n for a in names)], np.intp
        )

    @cached_property
    def carriers(self) -> tuple[Segment, ...]:
        """The segments with a point on them or beyond them."""
        parents = {segment.name: segment.parent for segment in self.segments}
        names: set[str] = set()
        for point in self.points:
            name: str | None = point.segment
            while name is not None and name not in names:
                names.add(name)
                name = parents[name]
        return tuple(segment for segment in self.segments if segment.name in names)

    def with_points(self, names: Iterable[str]) -> Body:
        """The body with only these points, in this order, and with all coordinates."""
        return replace(self, points=tuple(self.points[self.point_index[name]] for name in names))

    @cached_property
    def moved(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs (point, hinge coordinate) in which the hinge moves the point."""
        by_name = {segment.name: segment for segment in self.segments}
        pairs = []
        for row, point in enumerate(self.points):
            name: str | None = point.segment
            while name is not None:
                pairs += [(row, self.index[hinge.name]) for hinge in by_name[name].hinges]
                name = by_name[name].parent
        rows, columns = zip(*sorted(pairs), strict=True)
        return np.array(rows, np.intp), np.array(columns, np.intp)


_DOWN = (0.0, -1.0, 0.0)
_HEEL = (-0.035, -0.039, 0.0)
_BALL = (0.074, -0.039, 0.0)
_TOE = (0.036, 0.0, 0.0)  # from the ball
"""From the ankle, as fractions of the standing height: both on the sole, so that the line from
heel to toe is level when a foot stands flat. Winter (2009): ankle height 0.039, foot 0.152."""


def _leg(side: str, right: float) -> Iterator[Segment]:
    """One leg; ``right`` is 1 for the right one and -1 for the left one, its mirror image."""
    thigh = (
        Hinge(f"{side}_hip_flexion", 2),
        Hinge(f"{side}_hip_adduction", 0, right),
        Hinge(f"{side}_hip_rotation", 1, right),
    )
    ankle = (Hinge(f"{side}_ankle_dorsiflexion", 2), Hinge(f"{side}_subtalar", 0, right))
    knee = (Hinge(f"{side}_knee_flexion", 2, -1.0),)
    yield Segment(f"{side}_thigh", "pelvis", (("hip_width", (0.0, 0.0, right / 2)),), thigh)
    yield Segment(f"{side}_shank", f"{side}_thigh", (("thigh", _DOWN),), knee)
    yield Segment(f"{side}_foot", f"{side}_shank", (("shank", _DOWN),), ankle)
    toes = (Hinge(f"{side}_toe_extension", 2),)
    yield Segment(f"{side}_toes", f"{side}_foot", (("foot", _BALL),), toes)


def _arm(side: str, right: float) -> Iterator[Segment]:
    shoulder = (
        Hinge(f"{side}_shoulder_flexion", 2),
        Hinge(f"{side}_shoulder_adduction", 0, right),
        Hinge(f"{side}_shoulder_rotation", 1, right),
    )
    place = (("trunk", (0.0, 1.0, 0.0)), ("shoulder_width", (0.0, 0.0, right / 2)))
    elbow = (Hinge(f"{side}_elbow_flexion", 2),)
    yield Segment(f"{side}_upper_arm", "trunk", place, shoulder)
    yield Segment(f"{side}_forearm", f"{side}_upper_arm", (("upper_arm", _DOWN),), elbow)


def _points(side: str) -> Iterator[Point]:
    yield Point(f"{side}_hip", f"{side}_thigh", ())
    yield Point(f"{side}_knee", f"{side}_shank", ())
    yield Point(f"{side}_ankle", f"{side}_foot", ())
    yield Point(f"{side}_heel", f"{side}_foot", (("foot", _HEEL),))
    yield Point(f"{side}_big_toe", f"{side}_toes", (("foot", _TOE),))
    yield Point(f"{side}_ball", f"{side}_toes", ())
    yield Point(f"{side}_shoulder", f"{side}_upper_arm", ())
    yield Point(f"{side}_elbow", f"{side}_forearm", ())
    yield Point(f"{side}_wrist", f"{side}_forearm", (("forearm", _DOWN),))


_PELVIS = (Hinge("pelvis_yaw", 1), Hinge("pelvis_tilt", 2), Hinge("pelvis_list", 0))
_LUMBAR = (
    Hinge("lumbar_extension", 2),
    Hinge("lumbar_bending", 0),
    Hinge("lumbar_rotation", 1),
)

BODY = Body(
    segments=(
        Segment("pelvis", None, (), _PELVIS),
        Segment("trunk", "pelvis", (), _LUMBAR),
        *_leg("right", 1.0),
        *_leg("left", -1.0),
        *_arm("right", 1.0),
        *_arm("left", -1.0),
    ),
    points=(*_points("right"), *_points("left")),
    lengths={
        "hip_width": 0.110,
        "thigh": 0.240,
        "shank": 0.246,
        "foot": 1.0,
        "trunk": 0.293,
        "shoulder_width": 0.220,
        "upper_arm": 0.162,
        "forearm": 0.152,
    },
)
"""Between joint centres: de Leva (1996), men; thigh, shank and trunk scaled to the usual height
of the shoulders over the ankles (Drillis and Contini in Winter 2009). ``foot`` scales a foot."""
