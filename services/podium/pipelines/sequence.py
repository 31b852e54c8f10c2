"""Estimates poses strictly in sequence: each frame is cropped where the one before saw the person.

It costs one call of the pose stage per frame, so batches do not fill and chunks take longer;
``follow.py`` is the usual way. It suits motion that is not straight between two detection frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from podium.pipelines.follow import Cut
from podium.pipelines.ownership import SAME_BODY_OKS
from podium.pipelines.persons import Persons
from podium.pipelines.regions import IN_LINE, deviation, within
from podium.types import Float32, Int64
from podium.vision.bodies import suppress_bodies
from podium.vision.boxes import roi_of_box

_PATIENCE = 3
"""Frames in a row without a pose after which a person is followed no longer."""

_KNOWN = 0.5
"""Distance from a followed person, in sides, below which a detection is of that person."""


@dataclass(slots=True)
class _Followed:
    """A person and where to look next."""

    number: int
    roi: Float32  # (5,)
    score: float
    misses: int = 0
    fresh: bool = True  # the region is the detector's, which places roughly


@dataclass(slots=True)
class _Sequence:
    """The persons of a chunk so far."""

    shape: tuple[float, float]  # ``roi_scale`` and ``roi_aspect`` of the pose model
    live: list[_Followed] = field(default_factory=list)
    parts: list[Persons] = field(default_factory=list)
    count: int = 0

    def notice(self, rois: Float32, scores: Float32) -> None:
        """Begin with persons who are detected and not followed; find again those just lost."""
        for roi, score in zip(rois, scores.tolist(), strict=True):
            near = [one for one in self.live if _apart(one.roi, roi) < _KNOWN]
            if not near:
                self.live.append(_Followed(self.count, roi, score))
                self.count += 1
                continue
            lost = [one for one in near if one.misses]
            if lost:
                lost[0].roi, lost[0].fresh = roi, True

    def see(self, rows: Int64, persons: Persons, cut: Float32) -> None:
        """Take the poses of a frame; ``rows`` are the followed persons whom they show."""
        said = persons.rois
        if len(rows) and np.array_equal(said, cut[rows]):  # the model gives no regions
            said = roi_of_box(persons.boxes, *self.shape)
        usual = within(deviation(cut[rows], said), IN_LINE)
        kept = [k for k, row in enumerate(rows.tolist()) if usual[k] or self.live[row].fresh]
        merit = np.array([-self.live[row].number for row in rows[kept]], np.float32)
        single = suppress_bodies(
            persons.keypoints[kept],
            persons.boxes[kept],
            merit,
            np.zeros(len(kept), np.int64),
            SAME_BODY_OKS,
        )
        kept = [kept[k] for k in single.tolist()]
        seen = {int(rows[k]): k for k in kept}
        for row, one in enumerate(self.live):
            if row in seen:
                one.roi, one.misses, one.fresh = said[seen[row]], 0, False
            else:
                one.misses += 1
        numbers = np.array([self.live[row].number for row in rows[kept]], np.int64)
        self.parts.append(persons.rows(np.array(kept, np.int64)).with_tracks(numbers))
        self.live = [one for one in self.live if one.misses <= _PATIENCE]


async def follow_in_sequence(
    cut: Cut,
    searched: Int64,
    image_index: Int64,
    rois: Float32,
    scores: Float32,
    *,
    frame_count: int,
    shape: tuple[float, float],
) -> Persons:
    """Persons on all frames of a chunk; their track ids are numbers within the chunk.

    Args:
        cut: Crops regions and estimates poses.
        searched: (D,) ascending positions of the detection frames within the chunk.
        image_index: (K,) row of ``searched`` for each detection.
        rois: (K, 5) regions of the detections, frame pixels.
        scores: (K,) scores of the detections.
        frame_count: Number of frames in the chunk.
        shape: Scale and aspect of regions around key points, for models that give none.
    """
    sequence = _Sequence(shape)
    for position in range(frame_count):
        here = np.isin(image_index, np.flatnonzero(searched == position))
        sequence.notice(rois[here], scores[here])
        where = np.stack([one.roi for one in sequence.live]) if sequence.live else rois[:0]
        at = np.full(len(where), position, np.int64)
        score = np.array([one.score for one in sequence.live], np.float32)
        rows, persons, _ = await cut(at, where, score)
        sequence.see(rows, persons, where)
    return Persons.concatenate(sequence.parts)


def _apart(one: Float32, other: Float32) -> float:
    """Distance of two regions' centres, in sides of the smaller."""
    return float(np.linalg.norm(one[:2] - other[:2]) / min(one[3], other[3]))
