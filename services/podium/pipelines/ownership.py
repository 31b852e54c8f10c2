"""Whose body it is that two crops of a frame show.

Where one person hides another, the crops of both show the one in front. Places do not tell whose
body that is, since both are at one place; the posture does: the person in front goes on moving as
before, and to be the other they would change posture from one frame to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.pipelines.persons import Persons
from podium.types import Float32, Float64, Int64
from podium.vision.bodies import same_bodies, suppress_bodies

SAME_BODY_OKS = 0.6

_UNKNOWN = 0.08
"""Change of posture, in sides of the region, assumed of a person who was not seen before: between
that of runners in a thirtieth of a second and the difference of two runners."""


def owned(tracks: Int64, position: Int64, persons: Persons, merit: Float32) -> Int64:
    """Rows (ascending) to keep, so that no body is two persons.

    Args:
        tracks: (M,) person of each row.
        position: (M,) frame of each row, ascending.
        persons: M rows.
        merit: (M,) of equal claims the higher one stays.
    """
    claims = _Claims(tracks, persons, merit, _postures(persons))
    frames = [np.flatnonzero(position == frame) for frame in np.unique(position)]
    shared = [claims.overlap(rows) for rows in frames]
    clear = next((k for k, is_shared in enumerate(shared) if not is_shared), len(frames))
    known: dict[int, int] = {}
    kept = [claims.settle(rows, known) for rows in frames[clear:]]
    for rows in reversed(kept):  # those before the first clear frame are settled backwards
        known |= dict(zip(tracks[rows].tolist(), rows.tolist(), strict=True))
    kept += [claims.settle(rows, known) for rows in reversed(frames[:clear])]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *kept]))


@dataclass(frozen=True, slots=True)
class _Claims:
    """Persons who may be the same body."""

    tracks: Int64  # (M,)
    persons: Persons
    merit: Float32  # (M,)
    postures: Float64  # (M, J, 2)

    def overlap(self, rows: Int64) -> bool:
        """Whether two rows of a frame show one body."""
        if len(rows) < 2:
            return False
        keypoints, boxes = self.persons.keypoints[rows], self.persons.boxes[rows]
        return bool(np.triu(same_bodies(keypoints, boxes, SAME_BODY_OKS), 1).any())

    def settle(self, rows: Int64, known: dict[int, int]) -> Int64:
        """The rows of a frame to keep; they become the last ``known`` ones of their persons."""
        if len(rows) > 1:
            change = [self._change(row, known) for row in rows.tolist()]
            claim = 0.1 * self.merit[rows] - np.array(change)
            keypoints, boxes = self.persons.keypoints[rows], self.persons.boxes[rows]
            one_frame = np.zeros(len(rows), np.int64)
            rows = rows[
                suppress_bodies(
                    keypoints, boxes, claim.astype(np.float32), one_frame, SAME_BODY_OKS
                )
            ]
        known |= dict(zip(self.tracks[rows].tolist(), rows.tolist(), strict=True))
        return rows

    def _change(self, row: int, known: dict[int, int]) -> float:
        before = known.get(int(self.tracks[row]))
        if before is None:
            return _UNKNOWN
        moved = self.postures[row] - self.postures[before]
        return float(np.linalg.norm(moved, axis=1).mean())


def _postures(persons: Persons) -> Float64:
    """Key points (M, J, 2) from the centre of the region, in its sides."""
    side = np.maximum(persons.rois[:, 3], 1e-6)[:, None, None]
    return np.asarray((persons.keypoints[..., :2] - persons.rois[:, None, :2]) / side, np.float64)
