"""Chooses the persons to keep while the frames still come in."""

from __future__ import annotations

import numpy as np

from podium.athletes import Athlete, choose
from podium.pipelines.persons import Persons
from podium.types import Int64
from podium.vision.boxes import area


class AthleteChoice:
    """Chooses among the tracks of a request by their boxes on all frames so far.

    Args:
        athlete: The rule; ``all`` keeps the persons with the largest boxes of each frame.
        max_persons: Number of tracks to keep; with ``all``, number of persons per frame.
    """

    def __init__(self, athlete: Athlete, max_persons: int) -> None:
        self._athlete = athlete
        self._max_persons = max_persons
        self._seen: list[Persons] = []

    def of(self, persons: Persons) -> Persons:
        """Take the persons of the next frames; returns those to keep."""
        if self._athlete == "all" and len(persons.scores) <= self._max_persons:
            return persons
        if self._athlete == "all":
            return persons.rows(_largest(persons, self._max_persons))
        self._seen.append(persons)
        everybody = Persons.concatenate(self._seen)
        order = np.argsort(everybody.track_ids, kind="stable")  # by track, then by frame
        tracks, first = np.unique(everybody.track_ids[order], return_index=True)
        boxes = np.split(everybody.boxes[order], first[1:])[: len(tracks)]
        best = tracks[choose(self._athlete, boxes, self._max_persons)]
        return persons.rows(np.flatnonzero(np.isin(persons.track_ids, best)))


def _largest(persons: Persons, count: int) -> Int64:
    """The rows of the largest boxes of each frame, ascending."""
    order = np.lexsort((-area(persons.boxes), persons.frame_index))
    frames = persons.frame_index[order]
    place = np.arange(len(frames)) - np.searchsorted(frames, frames)  # rank within its frame
    return np.sort(order[place < count])
