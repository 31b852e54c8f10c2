"""Turns the numbers of persons within a chunk into ids within the request."""

from __future__ import annotations

import numpy as np

from podium.pipelines.chunk import Chunk
from podium.pipelines.persons import Persons
from podium.types import FrameBatch
from podium.vision.tracking import Tracker, middle
from podium.ways import Way


def identify(tracker: Tracker, chunk: Chunk) -> Persons:
    """The persons of a chunk with their ids; call it for the chunks in order."""
    persons, batch = chunk.persons, chunk.batch
    if chunk.is_whole_picture:  # nobody to recognise: saves 0.8 of some 14 CPU-ms
        return persons.with_tracks(np.arange(len(persons.scores)))
    track_ids = persons.track_ids.copy()
    tracker.begin(_ways(persons, batch))
    for index, time_s in zip(batch.frame_index.tolist(), batch.time_s.tolist(), strict=True):
        rows = np.flatnonzero(persons.frame_index == index)
        if len(rows):
            track_ids[rows] = tracker.update(
                persons.boxes[rows], persons.keypoints[rows], time_s, persons.track_ids[rows]
            )
    return persons.with_tracks(track_ids)


def _ways(persons: Persons, batch: FrameBatch) -> dict[int, Way]:
    """Number within the chunk -> path of that person over its frames."""
    ways = {}
    for number in np.unique(persons.track_ids).tolist():
        own = persons.rows(np.flatnonzero(persons.track_ids == number))
        time_s = batch.time_s[np.searchsorted(batch.frame_index, own.frame_index)]
        diagonal = np.linalg.norm(own.boxes[:, 2:] - own.boxes[:, :2], axis=1)
        centers = np.stack([middle(k) for k in own.keypoints])
        ways[number] = Way(time_s, centers, float(np.median(diagonal)))
    return ways
