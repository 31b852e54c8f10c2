"""Candidates to boxes of persons, for the detectors of many classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from podium.types import Float32, Int64
from podium.vision.boxes import suppress


class DetectorOptions(BaseModel):
    """``options`` in the manifest of a detector."""

    model_config = ConfigDict(extra="forbid")

    person_class: int = Field(default=0, ge=0)
    """Number of the class person; in COCO 0."""


def person_boxes(
    boxes: Float32, scores: Float32, image_index: Int64, max_iou: float | None
) -> dict[str, NDArray[Any]]:
    """The outputs of a detector, ordered by image and then by descending score.

    boxes: (K, 4) xyxy in pixels of the image; may extend beyond its edges.
    scores: (K,) 0-1.
    image_index: (K,) row of ``images``.

    Args:
        boxes: (C, 4) candidates, xyxy, with COCO's origin: the corner of the first pixel. Podium's
            origin is its centre.
        scores: (C,) scores of the candidates.
        image_index: (C,) row of ``images`` of each candidate.
        max_iou: Of two candidates of one image that overlap more, the better one stays; None: the
            graph does non-maximum suppression itself.
    """
    finite = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    boxes, scores, image_index = boxes[finite] - 0.5, scores[finite], image_index[finite]
    order = np.lexsort((-scores, image_index))
    if max_iou is not None:
        kept = np.zeros(len(boxes), np.bool_)
        kept[suppress(boxes, scores, image_index, max_iou)] = True
        order = order[kept[order]]
    return {
        "boxes": boxes[order].astype(np.float32),
        "scores": scores[order].astype(np.float32),
        "image_index": image_index[order].astype(np.int64),
    }
