"""Whom to keep of the persons that were found."""

from __future__ import annotations

import numpy as np

from podium.gateway.spec import Athlete, Nearest
from podium.types import Float32, Int64
from podium.vision.boxes import area, centers


def choose_athletes(
    athlete: Athlete, max_persons: int, track_ids: Int64, frame_index: Int64, boxes: Float32
) -> Int64:
    """The rows of the tracks to keep.

    Args:
        athlete: How to rank the tracks. ``largest`` and ``all``: mean box area over the frames
            that show anybody, so that a short-lived large box does not win; ``longest``: frames
            in sight; ``most_displacement``: extent of the path of the box centre; ``nearest``:
            distance to a point from the box centre where the track begins.
        max_persons: How many tracks to keep; every choice but ``all`` keeps one by default.
        track_ids: (M,).
        frame_index: (M,) ascending.
        boxes: (M, 4).

    Returns:
        Kept rows, ascending.
    """
    tracks = np.unique(track_ids)
    if len(tracks) <= max_persons and athlete == "all":
        return np.arange(len(track_ids))
    ranks = [_rank(athlete, frame_index[track_ids == t], boxes[track_ids == t]) for t in tracks]
    best = tracks[np.argsort(-np.array(ranks), kind="stable")[:max_persons]]
    return np.flatnonzero(np.isin(track_ids, best))


def _rank(athlete: Athlete, frame_index: Int64, boxes: Float32) -> float:
    path = centers(boxes)
    if isinstance(athlete, Nearest):
        return -float(np.linalg.norm(path[0] - np.array(athlete.nearest)))
    if athlete == "longest":
        return float(len(frame_index))
    if athlete == "most_displacement":
        return float(np.linalg.norm(path.max(axis=0) - path.min(axis=0)))
    return float(area(boxes).sum())
