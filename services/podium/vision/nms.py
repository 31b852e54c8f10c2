"""Weighted non-maximum suppression; ``boxes.suppress`` is the plain one."""

from __future__ import annotations

import numpy as np

from podium.types import Float32
from podium.vision.boxes import iou


def weighted_nms(
    boxes: Float32, scores: Float32, values: Float32, max_iou: float
) -> tuple[Float32, Float32]:
    """Blend overlapping candidates of one image into one detection each.

    The best remaining candidate and those that overlap it by more than ``max_iou`` make one
    detection, with the score of the best and the mean of their values, weighted by score. So the
    jitter of neighbouring anchors averages out. Source: Bazarevsky et al., "BlazeFace", 2019,
    section 3.3.

    Args:
        boxes: (C, 4) xyxy, to measure the overlap.
        scores: (C,) above 0.
        values: (C, V) values to average.
        max_iou: 0-1.

    Returns:
        Values (K, V) and scores (K,), by descending score.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, scores, values = boxes[order], scores[order], values[order]
    left = np.ones(len(scores), np.bool_)
    best: list[int] = []
    blended = []
    while left.any():
        first = int(np.argmax(left))
        group = left & (iou(boxes[first : first + 1], boxes)[0] > max_iou)
        group[first] = True  # an empty box does not overlap even itself
        best.append(first)
        blended.append(np.average(values[group], axis=0, weights=scores[group]))
        left &= ~group
    return (
        np.array(blended, np.float32).reshape(-1, values.shape[1]),
        scores[best].astype(np.float32),
    )
