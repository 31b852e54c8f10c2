"""Stable identities for persons from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.types import Float32, Float64, Int64
from podium.vision.assignment import match
from podium.vision.boxes import iou

_MAX_COST = 0.75
_SIZES_PER_S = 5.0  # how far a sprinter gets in a second, in sizes of the person
_MIN_MISSES = 3  # frames that a person may be missed on, however far apart frames are


@dataclass(slots=True)
class _Track:
    track_id: int
    box: Float32  # (4,)
    keypoints: Float32  # (J, 3)
    time_s: float
    update: int  # which call of ``Tracker.update`` saw the person last


class Tracker:
    """Gives each person of a frame the id of the most similar person of earlier frames.

    Similarity is half overlap of the boxes and half distance of the key points relative to the
    size of the person, so that two people who cross keep their ids as long as their limbs differ.
    The longer ago a person was seen, the further it may have gone.

    Args:
        forget_after_s: How long a person may be out of sight and come back as the same one; where
            frames are far apart, at least three of them.
    """

    def __init__(self, forget_after_s: float = 1.0) -> None:
        self._forget_after_s = forget_after_s
        self._tracks: list[_Track] = []
        self._next_id = 0
        self._updates = 0

    def update(self, boxes: Float32, keypoints: Float32, time_s: float) -> Int64:
        """Take the persons of the next frame.

        Args:
            boxes: (P, 4).
            keypoints: (P, J, 3).
            time_s: Time of the frame; frames come in order.

        Returns:
            Track id of each person (P,).
        """
        self._updates += 1
        self._tracks = [t for t in self._tracks if self._remembers(t, time_s)]
        ids = np.full(len(boxes), -1, np.int64)
        for row, column in match(self._cost(boxes, keypoints, time_s), _MAX_COST):
            track = self._tracks[row]
            track.box, track.keypoints = boxes[column], keypoints[column]
            track.time_s, track.update = time_s, self._updates
            ids[column] = track.track_id
        for column in np.flatnonzero(ids < 0).tolist():
            ids[column] = self._next_id
            self._tracks.append(
                _Track(self._next_id, boxes[column], keypoints[column], time_s, self._updates)
            )
            self._next_id += 1
        return ids

    def _remembers(self, track: _Track, time_s: float) -> bool:
        missed = self._updates - track.update - 1
        return time_s - track.time_s <= self._forget_after_s or missed < _MIN_MISSES

    def _cost(self, boxes: Float32, keypoints: Float32, time_s: float) -> Float64:
        if not self._tracks or len(boxes) == 0:
            return np.zeros((len(self._tracks), len(boxes)))
        known_boxes = np.stack([t.box for t in self._tracks])
        known = np.stack([t.keypoints for t in self._tracks])
        weight = known[:, None, :, 2] * keypoints[None, :, :, 2]  # (T, P, J)
        distance = np.linalg.norm(known[:, None, :, :2] - keypoints[None, :, :, :2], axis=3)
        mean = (weight * distance).sum(axis=2) / np.maximum(weight.sum(axis=2), 1e-6)
        diagonal = np.linalg.norm(known_boxes[:, 2:] - known_boxes[:, :2], axis=1)
        relative = mean / np.maximum(diagonal[:, None], 1e-6)
        gone_s = np.array([time_s - t.time_s for t in self._tracks])[:, None]
        reach = 1 + _SIZES_PER_S * np.maximum(gone_s, 0)
        cost: Float64 = 0.5 * (1 - iou(known_boxes, boxes)) / reach + np.minimum(
            relative / reach, 1
        )
        return cost
