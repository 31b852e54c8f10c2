"""Stable identities for persons from frame to frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from podium.types import Float32, Float64, Int64
from podium.vision.assignment import match
from podium.vision.boxes import iou
from podium.ways import MAX_OFF, MOTION_S, Way, off

_MAX_COST = 0.75
_SIZES_PER_S = 5.0  # speed of a sprinter, in sizes of the person per second
_MIN_MISSES = 3  # frames that a person may be missed on, at any frame rate
_COASTS_S = 0.5  # time for which a person out of sight is assumed to keep their velocity


@dataclass(slots=True)
class _Track:
    track_id: int
    box: Float32  # (4,)
    keypoints: Float32  # (J, 3)
    time_s: float
    update: int  # number of the last call of ``Tracker.update`` that saw the person
    path: list[tuple[float, Float64]] = field(default_factory=list)  # time and centre (2,)

    def see(self, box: Float32, keypoints: Float32, time_s: float, update: int) -> None:
        self.box, self.keypoints, self.time_s, self.update = box, keypoints, time_s, update
        self.path = [p for p in self.path if time_s - p[0] <= MOTION_S]
        self.path.append((time_s, middle(keypoints)))

    def way(self) -> Way:
        """The last part of the path."""
        times, places = zip(*self.path, strict=True)
        size_px = float(np.linalg.norm(self.box[2:] - self.box[:2]))
        return Way(np.array(times), np.stack(places), size_px)

    def shift(self, time_s: float) -> Float32:
        """Predicted shift (2,) of the person since the last sighting, in pixels."""
        (first_s, start), (last_s, end) = self.path[0], self.path[-1]
        if last_s <= first_s:
            return np.zeros(2, np.float32)
        gone_s = min(time_s - last_s, _COASTS_S)
        return ((end - start) / (last_s - first_s) * gone_s).astype(np.float32)


class Tracker:
    """Gives each person of a frame the id of the most similar person of earlier frames.

    The cost is half the missing overlap of the boxes and half the distance of the key points,
    relative to the size of the person. Known persons are first moved to their predicted places, so
    that people who cross or overtake keep their ids. The tolerance grows with the time since the
    last sighting.

    Args:
        forget_after_s: How long a person may be out of sight and keep the id; at least three
            frames.
    """

    def __init__(self, forget_after_s: float = 1.0) -> None:
        self._forget_after_s = forget_after_s
        self._tracks: list[_Track] = []
        self._next_id = 0
        self._updates = 0
        self._ids: dict[int, int] = {}

    def begin(self, ways: Mapping[int, Way]) -> None:
        """Begin with new groups, such as a new chunk; their paths are known in advance.

        Paths identify persons better than a single frame on which one may hide another.

        Args:
            ways: Number of a group, as in ``update`` -> the path of that person.
        """
        numbers = list(ways)
        cost = np.full((len(self._tracks), len(numbers)), np.inf)
        for row, track in enumerate(self._tracks):
            for column, number in enumerate(numbers):
                cost[row, column] = off(track.way(), ways[number])
        pairs = match(cost, MAX_OFF)
        self._ids = {numbers[column]: self._tracks[row].track_id for row, column in pairs}

    def update(
        self,
        boxes: Float32,
        keypoints: Float32,
        time_s: float,
        groups: Int64 | None = None,
    ) -> Int64:
        """Take the persons of the next frame.

        Args:
            boxes: (P, 4).
            keypoints: (P, J, 3).
            time_s: Time of the frame; ascending from call to call.
            groups: (P,) since ``begin``, persons with the same number are known to be the same
                one and keep one id.

        Returns:
            Track id of each person (P,).
        """
        self._updates += 1
        self._tracks = [t for t in self._tracks if self._remembers(t, time_s)]
        ids = np.full(len(boxes), -1, np.int64)
        pairs = None if groups is None else self._known(groups)
        if pairs is None:
            cost = self._cost(boxes, keypoints, time_s)
            if groups is not None:
                cost = self._with_groups(cost, groups)
            pairs = match(cost, _MAX_COST)
        for row, column in pairs:
            track = self._tracks[row]
            track.see(boxes[column], keypoints[column], time_s, self._updates)
            ids[column] = track.track_id
        for column in np.flatnonzero(ids < 0).tolist():
            ids[column] = self._next_id
            track = _Track(self._next_id, boxes[column], keypoints[column], time_s, self._updates)
            track.see(boxes[column], keypoints[column], time_s, self._updates)
            self._tracks.append(track)
            self._next_id += 1
        if groups is not None:
            self._ids |= dict(zip(groups.tolist(), ids.tolist(), strict=True))
        return ids

    def _known(self, groups: Int64) -> list[tuple[int, int]] | None:
        """The tracks of persons whose groups all have one of their own; None: it takes costs."""
        rows = {track.track_id: row for row, track in enumerate(self._tracks)}
        own = [rows.get(self._ids.get(group, -1), -1) for group in groups.tolist()]
        if -1 in own or len(set(own)) < len(own):
            return None
        return [(row, column) for column, row in enumerate(own)]

    def _with_groups(self, cost: Float64, groups: Int64) -> Float64:
        """The costs (T, P); infinite for tracks that a person's group excludes."""
        cost = cost.copy()
        tracks = np.array([t.track_id for t in self._tracks], np.int64)
        for column, group in enumerate(groups.tolist()):
            if group in self._ids:
                own = tracks == self._ids[group]
                if own.any():
                    cost[:, column] = np.inf
                    cost[own, :] = np.inf
                    cost[own, column] = 0
        return cost

    def _remembers(self, track: _Track, time_s: float) -> bool:
        missed = self._updates - track.update - 1
        return time_s - track.time_s <= self._forget_after_s or missed < _MIN_MISSES

    def _cost(self, boxes: Float32, keypoints: Float32, time_s: float) -> Float64:
        if not self._tracks or len(boxes) == 0:
            return np.zeros((len(self._tracks), len(boxes)))
        shifts = np.stack([t.shift(time_s) for t in self._tracks])  # (T, 2)
        known_boxes = np.stack([t.box for t in self._tracks]) + np.tile(shifts, 2)
        known = np.stack([t.keypoints for t in self._tracks])
        weight = known[:, None, :, 2] * keypoints[None, :, :, 2]  # (T, P, J)
        apart = known[:, None, :, :2] + shifts[:, None, None] - keypoints[None, :, :, :2]
        distance = np.linalg.norm(apart, axis=3)
        mean = (weight * distance).sum(axis=2) / np.maximum(weight.sum(axis=2), 1e-6)
        diagonal = np.linalg.norm(known_boxes[:, 2:] - known_boxes[:, :2], axis=1)
        relative = mean / np.maximum(diagonal[:, None], 1e-6)
        gone_s = np.array([time_s - t.time_s for t in self._tracks])[:, None]
        reach = 1 + _SIZES_PER_S * np.maximum(gone_s, 0)
        cost: Float64 = 0.5 * (1 - iou(known_boxes, boxes)) / reach + np.minimum(
            relative / reach, 1
        )
        return cost


def middle(keypoints: Float32) -> Float64:
    """Centre (2,) of a body (J, 3): the median, which arms and feet hardly move."""
    return np.asarray(np.median(keypoints[:, :2], axis=0), np.float64)
