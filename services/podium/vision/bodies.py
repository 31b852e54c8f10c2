"""Whether two sets of key points are the same body."""

from __future__ import annotations

import numpy as np

from podium.types import Bool, Float32, Float64, Int64

FALLOFF = 0.1
"""Distance, in square roots of the box area, at which a key point's similarity is exp(-1/2).

COCO's constants (twice 0.025 to 0.107) lie around it; one value is used for every skeleton."""


def oks(a: Float32, b: Float32, area_px: Float64) -> Float64:
    """Object key point similarity (OKS) of every body of ``a`` with every one of ``b``.

    Args:
        a: (A, J, 3) x, y, score.
        b: (B, J, 3) x, y, score.
        area_px: (A, B) area of the body in square pixels.

    Returns:
        (A, B) 0-1, the mean over key points weighted by both scores. Source: COCO key point
        evaluation.
    """
    squared = ((a[:, None, :, :2].astype(np.float64) - b[None, :, :, :2]) ** 2).sum(axis=3)
    scale = 2 * np.maximum(area_px, 1.0)[..., None] * FALLOFF**2
    weight = a[:, None, :, 2].astype(np.float64) * b[None, :, :, 2]
    total = np.maximum(weight.sum(axis=2), 1e-9)
    similarity: Float64 = (weight * np.exp(-squared / scale)).sum(axis=2) / total
    return similarity


def same_bodies(keypoints: Float32, boxes: Float32, min_oks: float) -> Bool:
    """Which pairs (M, M) of the persons of one frame are the same body."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).astype(np.float64)
    area = sides.prod(axis=1)
    smaller = np.minimum(area[:, None], area[None, :])
    return np.asarray(oks(keypoints, keypoints, smaller) > min_oks)


def suppress_bodies(
    keypoints: Float32, boxes: Float32, merit: Float32, groups: Int64, min_oks: float
) -> Int64:
    """Rows to keep when no two persons of one group may be the same body.

    Args:
        keypoints: (M, J, 3).
        boxes: (M, 4) tight boxes.
        merit: (M,) of two equal bodies the one with the higher merit stays.
        groups: (M,) for example the frame of each person.
        min_oks: Similarity above which two are the same body.

    Returns:
        Kept rows, ascending.
    """
    kept = np.ones(len(keypoints), np.bool_)
    best_first = np.argsort(-merit, kind="stable")
    values, counts = np.unique(groups, return_counts=True)
    for crowd in values[counts > 1]:
        rows = best_first[groups[best_first] == crowd]
        same = np.triu(same_bodies(keypoints[rows], boxes[rows], min_oks), 1)
        for row, worse in zip(rows.tolist(), same, strict=True):
            if kept[row]:
                kept[rows[worse]] = False
    return np.flatnonzero(kept)
