"""Whom to keep of the persons that were found."""

from __future__ import annotations

import numpy as np

from podium.pipelines.persons import Persons
from podium.pipelines.spec import Athlete, Nearest
from podium.types import Float32, Int64
from podium.vision.boxes import area, centers


class AthleteChoice:
    """Ranks the tracks of a request by all that has been seen of them.

    ``largest`` ranks by the box area summed over the frames, so that somebody who passes the
    camera closely for a moment does not win; ``longest`` by frames in sight;
    ``most_displacement`` by the extent of the path of the box centre; ``nearest`` by the distance
    of a point from the box centre where the track begins. ``all`` keeps everybody, on each frame
    the largest boxes first.

    Args:
        athlete: How to rank.
        max_persons: How many tracks to keep; with ``all``, how many persons per frame.
    """

    def __init__(self, athlete: Athlete, max_persons: int) -> None:
        self._athlete = athlete
        self._max_persons = max_persons
        self._seen: list[Persons] = []

    def of(self, persons: Persons) -> Persons:
        """Those of ``persons``, the next frames of the request, who are kept."""
        if self._athlete == "all":
            return persons.rows(_largest(persons, self._max_persons))
        self._seen.append(persons)
        everybody = Persons.concatenate(self._seen)
        tracks = np.unique(everybody.track_ids)
        ranks = [
            _rank(self._athlete, everybody.frame_index[rows], everybody.boxes[rows])
            for rows in (everybody.track_ids == track for track in tracks)
        ]
        best = tracks[np.argsort(-np.array(ranks), kind="stable")[: self._max_persons]]
        return persons.rows(np.flatnonzero(np.isin(persons.track_ids, best)))


def _largest(persons: Persons, count: int) -> Int64:
    """The rows of the largest boxes of each frame, ascending."""
    order = np.lexsort((-area(persons.boxes), persons.frame_index))
    frames = persons.frame_index[order]
    place = np.arange(len(frames)) - np.searchsorted(frames, frames)  # within its frame
    return np.sort(order[place < count])


def _rank(athlete: Athlete, frame_index: Int64, boxes: Float32) -> float:
    path = centers(boxes)
    if isinstance(athlete, Nearest):
        return -float(np.linalg.norm(path[0] - np.array(athlete.nearest)))
    if athlete == "longest":
        return float(len(frame_index))
    if athlete == "most_displacement":
        return float(np.linalg.norm(path.max(axis=0) - path.min(axis=0)))
    return float(area(boxes).sum())
