"""Weighted non-maximum suppression against a scalar one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from podium.vision.nms import weighted_nms


def overlap(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union


def by_hand(
    boxes: NDArray[Any], scores: NDArray[Any], values: NDArray[Any], max_iou: float
) -> tuple[list[list[float]], list[float]]:
    left = sorted(range(len(scores)), key=lambda k: -scores[k])
    blended, kept = [], []
    while left:
        best = left[0]
        group = [k for k in left if overlap(list(boxes[best]), list(boxes[k])) > max_iou]
        left = [k for k in left if k not in group]
        total = sum(float(scores[k]) for k in group)
        blended.append(
            [
                sum(float(scores[k] * values[k, v]) for k in group) / total
                for v in range(values.shape[1])
            ]
        )
        kept.append(float(scores[best]))
    return blended, kept


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_iou", [0.1, 0.3, 0.7])
def test_matches_the_scalar_one(seed: int, max_iou: float) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (5, 2)).repeat(8, axis=0) + rng.normal(0, 2, (40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(15, 25, (40, 2))], axis=1)
    boxes, scores = boxes.astype(np.float32), rng.uniform(0.5, 1, 40).astype(np.float32)
    values = rng.normal(size=(40, 6)).astype(np.float32)

    got_values, got_scores = weighted_nms(boxes, scores, values, max_iou)
    want_values, want_scores = by_hand(boxes, scores, values, max_iou)
    assert 1 < len(got_scores) < 40
    np.testing.assert_allclose(got_scores, want_scores)
    np.testing.assert_allclose(got_values, want_values, atol=1e-5)
    assert (np.diff(got_scores) <= 0).all()


def test_nothing_in_nothing_out() -> None:
    none = np.zeros((0, 4), np.float32)
    values, scores = weighted_nms(none, np.zeros(0, np.float32), none, 0.3)
    assert values.shape == (0, 4)
    assert scores.shape == (0,)
    assert values.dtype == scores.dtype == np.float32


def test_empty_boxes_are_detections_of_their_own() -> None:
    boxes = np.array([[5, 5, 5, 5], [5, 5, 5, 5]], np.float32)
    values, scores = weighted_nms(boxes, np.array([0.6, 0.9], np.float32), boxes, 0.3)
    np.testing.assert_allclose(scores, [0.9, 0.6])
    assert len(values) == 2
