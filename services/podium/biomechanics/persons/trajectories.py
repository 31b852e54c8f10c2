"""Joins persons of batches to one trajectory per person over the whole clip.

Track numbers are valid only within one batch. A tracklet (one track of one batch) is joined to the
person with the same key points on common frames, or whose path it continues within a second
(``podium.ways``, as chunks of a batch are joined). Persons who stop or turn in a gap have no such
path: of those left over, the nearest are joined. Source of the assignment: Kuhn's Hungarian method
as in SORT (Bewley et al. 2016).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import scipy
from numpy.typing import NDArray

from podium.biomechanics.signals.checkpoints import checkpoint
from podium.biomechanics.signals.timeline import Timeline
from podium.errors import TooLarge
from podium.types import Bool, Float64, Int64
from podium.ways import MAX_OFF, Way, off

KEYPOINT_THRESHOLD = 0.3
FORGET_AFTER_S = 1.0
MAX_DISTANCE = 0.35
"""Largest mean key point distance of the same person, as a fraction of the box diagonal."""
_MOTION_SAMPLES = 5
_LEFT_OVER = 1.0  # added to the cost of pairs whose paths do not continue each other
_APART = 1.5  # cost of leaving a tracklet alone
MAX_COMPARED = 1_000_000
"""Pairs of tracklets that are compared. Ten persons in batches of 32 frames over 216,000 frames
make 700,000 pairs."""


@dataclass(frozen=True, slots=True)
class Tracklet:
    """One person within one batch; T frames, ascending, not necessarily consecutive."""

    batch: int
    frame_index: Int64  # (T,)
    boxes: Float64  # (T, 4) xyxy
    scores: Float64  # (T,)
    keypoints: Float64  # (T, J, 3) x, y, score
    keypoints_3d: Float64  # (T, J, 3) metres, NaN where absent


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One person from the first to the last visible frame; NaN on frames without the person."""

    person: int
    frame_index: Int64  # (T,)
    time_s: Float64  # (T,)
    boxes: Float64  # (T, 4)
    scores: Float64  # (T,) of the person
    keypoints: Float64  # (T, J, 3) x, y, score
    keypoints_3d: Float64  # (T, J, 3) metres

    def __len__(self) -> int:
        return len(self.frame_index)

    @property
    def seen(self) -> Bool:
        """Key points (T, J) with a score that is high enough for use."""
        return np.asarray(self.keypoints[..., 2] >= KEYPOINT_THRESHOLD)

    @property
    def height_px(self) -> float:
        """Median height of the box."""
        return float(np.nanmedian(self.boxes[:, 3] - self.boxes[:, 1]))

    def within(self, size_px: tuple[int, int]) -> Trajectory:
        """The trajectory as the picture shows it: what lies outside of it has the score 0.

        There a pose model guesses, and may be as sure of it as of what it sees.
        """
        places = self.keypoints[..., :2]
        outside = ((places < 0) | (places > size_px)).any(axis=-1)
        if not outside.any():
            return self
        keypoints = self.keypoints.copy()
        keypoints[outside, 2] = 0.0
        return replace(self, keypoints=keypoints)


def link(tracklets: Iterable[Tracklet], frames: Timeline) -> list[Trajectory]:
    """Join tracklets into persons, numbered in the order of their appearance.

    Args:
        tracklets: In any order; batches are numbered by their first frames and may overlap.
        frames: The timeline of the clip.

    Raises:
        TooLarge: too many tracklets lie close to each other in time.
    """
    persons: list[_Person] = []
    recent: list[_Person] = []
    ways = _Ways(frames)
    compared = 0
    ordered = sorted(tracklets, key=lambda t: (t.batch, t.frame_index[0], *t.boxes[0]))
    for _, batch in groupby(ordered, key=lambda t: t.batch):
        for start, group in groupby(batch, key=lambda t: t.frame_index[0]):
            starting, known = list(group), _lately(recent, start, frames)
            compared += len(starting) * len(known)
            if compared > MAX_COMPARED:
                raise TooLarge(
                    "has too many tracks of persons who come and go: every new one is compared "
                    f"with those of the second before, {MAX_COMPARED} times at most",
                    field="results",
                )
            added = _assign(starting, known, ways)
            persons += added
            recent += added
        recent = _lately(recent, start, frames)
    persons.sort(key=lambda person: person.first)
    return [person.trajectory(number, frames) for number, person in enumerate(persons)]


def _lately(persons: list[_Person], index: np.int64, frames: Timeline) -> list[_Person]:
    start_s = _time(frames, index)
    return [p for p in persons if start_s - _time(frames, p.last) <= FORGET_AFTER_S]


class _Person:
    """The tracklets of one person so far."""

    def __init__(self) -> None:
        self.tracklets: list[Tracklet] = []
        self.first = 0
        self.last = -1

    def add(self, tracklet: Tracklet) -> None:
        first = int(tracklet.frame_index[0])
        self.first = min(self.first, first) if self.tracklets else first
        self.tracklets.append(tracklet)
        self.last = max(self.last, int(tracklet.frame_index[-1]))

    def trajectory(self, number: int, frames: Timeline) -> Trajectory:
        start, stop = np.searchsorted(frames.frame_index, [self.first, self.last + 1])
        length, joints = int(stop - start), self.tracklets[0].keypoints.shape[1]
        boxes = np.full((length, 4), np.nan)
        scores = np.full(length, np.nan)
        keypoints = np.full((length, joints, 3), np.nan)
        in_3d = any(np.isfinite(tracklet.keypoints_3d).any() for tracklet in self.tracklets)
        shape = (length, joints, 3)
        # An array of one NaN takes no memory.
        keypoints_3d = np.full(shape, np.nan) if in_3d else np.broadcast_to(np.nan, shape)
        for tracklet in reversed(self.tracklets):  # on a common frame the first tracklet wins
            rows = np.searchsorted(frames.frame_index, tracklet.frame_index) - start
            boxes[rows], scores[rows] = tracklet.boxes, tracklet.scores
            keypoints[rows] = tracklet.keypoints
            if in_3d:
                keypoints_3d[rows] = tracklet.keypoints_3d
        return Trajectory(
            person=number,
            frame_index=frames.frame_index[start:stop],
            time_s=frames.time_s[start:stop],
            boxes=boxes,
            scores=scores,
            keypoints=keypoints,
            keypoints_3d=keypoints_3d,
        )


class _Ways:
    """The way of every tracklet, found once and only if it is needed."""

    def __init__(self, frames: Timeline) -> None:
        self.frames = frames
        self._found: dict[int, Way] = {}

    def of(self, tracklet: Tracklet) -> Way:
        """The path of the middle of the body."""
        way = self._found.get(id(tracklet))
        if way is None:
            way = self._found[id(tracklet)] = _way(tracklet, self.frames)
        return way


def _assign(group: list[Tracklet], known: list[_Person], ways: _Ways) -> list[_Person]:
    """Assign tracklets that start together to known persons; return new persons for the rest."""
    distances = []
    for person in known:
        checkpoint()
        distances.append([_distance(person, t, ways) for t in group])
    cost = np.minimum(np.array(distances), _APART).reshape(len(known), len(group))
    rest = dict(enumerate(group))
    for row, column in zip(*_matches(cost), strict=True):
        if cost[row, column] < _APART:
            known[row].add(rest.pop(int(column)))
    added = []
    for tracklet in rest.values():
        added.append(_Person())
        added[-1].add(tracklet)
    return added


def _matches(cost: Float64) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the cheapest assignment of (N, M)."""
    near = cost < _APART
    if (near.sum(axis=0) <= 1).all() and (near.sum(axis=1) <= 1).all():
        rows, columns = np.nonzero(near)  # nobody has a choice, which spares the import of a solver
    else:
        rows, columns = scipy.optimize.linear_sum_assignment(cost)
    return rows, columns


def _distance(person: _Person, tracklet: Tracklet, ways: _Ways) -> float:
    """Cost of joining a tracklet to a person; ``_APART``: another person."""
    later = [t for t in person.tracklets[-3:] if t.frame_index[-1] >= tracklet.frame_index[0]]
    if any(t.batch == tracklet.batch for t in later):
        return _APART  # two simultaneous tracks of one batch are two persons
    shared = [_shared_distance(t, tracklet) for t in later]
    known = [distance for distance in shared if np.isfinite(distance)]
    if known:
        return _within(float(np.mean(known)))
    last = person.tracklets[-1]
    continued = off(ways.of(last), ways.of(tracklet)) if _is_before(last, tracklet) else 1
    if continued <= MAX_OFF:
        return continued
    return _within(_continued_distance(last, tracklet, ways.frames)) + _LEFT_OVER


def _within(distance: float) -> float:
    """A distance in box diagonals as a cost."""
    return distance if distance <= MAX_DISTANCE else _APART


def _is_before(a: Tracklet, b: Tracklet) -> bool:
    return bool(a.frame_index[-1] < b.frame_index[0])


def _way(tracklet: Tracklet, frames: Timeline) -> Way:
    rows = np.searchsorted(frames.frame_index, tracklet.frame_index)
    diagonal = np.linalg.norm(tracklet.boxes[:, 2:] - tracklet.boxes[:, :2], axis=1)
    return Way(
        frames.time_s[rows],
        np.median(tracklet.keypoints[..., :2], axis=1),
        float(np.median(diagonal)),
    )


def _shared_distance(a: Tracklet, b: Tracklet) -> float:
    first = max(a.frame_index[0], b.frame_index[0])
    last = min(a.frame_index[-1], b.frame_index[-1])
    both = [slice(*np.searchsorted(t.frame_index, [first, last + 1]).tolist()) for t in (a, b)]
    _, in_a, in_b = np.intersect1d(
        a.frame_index[both[0]], b.frame_index[both[1]], assume_unique=True, return_indices=True
    )
    if not len(in_a):
        return np.nan
    in_a, in_b = in_a + both[0].start, in_b + both[1].start
    return float(np.mean(_pose_distance(a.keypoints[in_a], b.keypoints[in_b], b.boxes[in_b])))


def _continued_distance(a: Tracklet, b: Tracklet, frames: Timeline) -> float:
    """Distance between the end of one and the start of the other, extrapolated to mid-gap."""
    gap_s = _time(frames, b.frame_index[0]) - _time(frames, a.frame_index[-1])
    rates = [
        rate
        for rate in (
            _velocity(a, slice(-_MOTION_SAMPLES, None), frames),
            _velocity(b, slice(0, _MOTION_SAMPLES), frames),
        )
        if rate is not None
    ]
    drift = np.mean(rates, axis=0) * gap_s if rates else np.zeros(2)
    before = a.keypoints[-1:].copy()
    before[..., :2] += drift
    return float(_pose_distance(before, b.keypoints[:1], b.boxes[:1])[0])


def _velocity(tracklet: Tracklet, part: slice, frames: Timeline) -> Float64 | None:
    """Pixels per second (2,) of the box centre over a few frames; None for a single frame."""
    boxes = tracklet.boxes[part]
    if len(boxes) < 2:
        return None
    index = tracklet.frame_index[part]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    elapsed_s = _time(frames, index[-1]) - _time(frames, index[0])
    return np.asarray((centre[-1] - centre[0]) / elapsed_s)


def _pose_distance(a: Float64, b: Float64, boxes: Float64) -> Float64:
    """Mean distance (T,) of key points (T, J, 3) seen in both, in diagonals of the boxes.

    If no key point is seen in both, it is the distance of the means of all key points.
    """
    diagonal = np.maximum(np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1), 1.0)
    seen = (a[..., 2] >= KEYPOINT_THRESHOLD) & (b[..., 2] >= KEYPOINT_THRESHOLD)
    apart = np.linalg.norm(a[..., :2] - b[..., :2], axis=-1)
    middle = np.linalg.norm(a[..., :2].mean(axis=1) - b[..., :2].mean(axis=1), axis=-1)
    count = seen.sum(axis=1)
    mean = (apart * seen).sum(axis=1) / np.maximum(count, 1)
    return np.asarray(np.where(count > 0, mean, middle) / diagonal)


def _time(frames: Timeline, index: int | np.int64) -> float:
    return float(frames.time_s[np.searchsorted(frames.frame_index, index)])
