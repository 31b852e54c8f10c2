"""Boxes (xyxy) and rotated regions of interest (cx, cy, w, h, rotation).

A rotation is in radians, clockwise on screen, since y points down: a point (u, v) of the region,
measured from its centre, lies at ``centre + [[cos, -sin], [sin, cos]] @ (u, v)``.
"""

from __future__ import annotations

import numpy as np

from podium.types import Float32, Float64, Int64


def iou(a: Float32, b: Float32) -> Float64:
    """Intersection over union of every box of ``a`` (A, 4) with every box of ``b`` (B, 4).

    Returns:
        (A, B), 0 where both boxes are empty.
    """
    left, top, right, bottom = a.T[:, :, None].astype(np.float64)  # (A, 1) each
    width = np.minimum(right, b[:, 2]) - np.maximum(left, b[:, 0])
    height = np.minimum(bottom, b[:, 3]) - np.maximum(top, b[:, 1])
    overlap: Float64 = width.clip(0) * height.clip(0)
    union = area(a)[:, None] + area(b)[None, :] - overlap
    ratio: Float64 = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return ratio


def area(boxes: Float32) -> Float64:
    """Areas (N,) of boxes (N, 4); 0 for inverted ones."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    product: Float64 = np.prod(sides, axis=1, dtype=np.float64)
    return product


def centers(boxes: Float32) -> Float32:
    """Centres (N, 2) of boxes (N, 4)."""
    return (boxes[:, :2] + boxes[:, 2:]) * np.float32(0.5)


def box_of_keypoints(keypoints: Float32, margin: float = 0.06, min_score: float = 0.3) -> Float32:
    """The boxes around poses, enlarged by a margin.

    Args:
        keypoints: (M, J, 3) x, y, score.
        margin: Share of the larger side to add on each side: key points lie inside the body, so
            their extent is smaller than the person's box.
        min_score: Key points below it are ignored, unless all of the person are below it.

    Returns:
        (M, 4) xyxy.
    """
    if len(keypoints) == 0:
        return np.zeros((0, 4), np.float32)
    seen = keypoints[..., 2] >= min_score
    seen |= ~seen.any(axis=1, keepdims=True)
    xy = keypoints[..., :2]
    low = np.where(seen[..., None], xy, np.inf).min(axis=1)
    high = np.where(seen[..., None], xy, -np.inf).max(axis=1)
    pad = margin * (high - low).max(axis=1, keepdims=True)
    return np.concatenate([low - pad, high + pad], axis=1).astype(np.float32)


def roi_of_box(boxes: Float32, scale: float, aspect: float) -> Float32:
    """The upright region around a person box that a pose model needs.

    Args:
        boxes: (M, 4).
        scale: Size of the region over size of the box; 1.25 for HRNet and RTMPose.
        aspect: width / height of the crop; the box is extended to it first.

    Returns:
        (M, 5) with rotation 0.
    """
    w, h = (boxes[:, 2:] - boxes[:, :2]).T
    height = np.maximum(h, w / aspect) * scale
    zero = np.zeros_like(height)
    return np.column_stack([centers(boxes), height * aspect, height, zero]).astype(np.float32)


def box_of_roi(rois: Float32) -> Float32:
    """Boxes (M, 4) of regions (M, 5) without their rotation."""
    half = rois[:, 2:4] / 2
    return np.concatenate([rois[:, :2] - half, rois[:, :2] + half], axis=1)


def transform_rois(rois: Float32, transforms: Float32) -> Float32:
    """Apply similarity transforms, such as letterbox -> frame, to regions.

    Args:
        rois: (K, 5).
        transforms: (K, 2, 3), each a rotation, a uniform scale and a shift.

    Returns:
        (K, 5).
    """
    linear = transforms[:, :, :2]
    moved = np.einsum("kij,kj->ki", linear, rois[:, :2]) + transforms[:, :, 2]
    scale = np.sqrt(np.abs(np.linalg.det(linear)))
    turn = np.arctan2(linear[:, 1, 0], linear[:, 0, 0])
    return np.column_stack(
        [moved, rois[:, 2] * scale, rois[:, 3] * scale, rois[:, 4] + turn]
    ).astype(np.float32)


def transform_boxes(boxes: Float32, transforms: Float32) -> Float32:
    """Apply transforms (K, 2, 3) without rotation to boxes (K, 4)."""
    return transform_points(boxes.reshape(-1, 2, 2), transforms).reshape(-1, 4)


def clip_boxes(boxes: Float32, width: int, height: int) -> Float32:
    """The parts of boxes (K, 4) inside a frame; its first pixel spans -0.5 to 0.5."""
    edge = np.array([width, height, width, height], np.float32) - np.float32(0.5)
    clipped: Float32 = boxes.clip(-0.5, edge)
    return clipped


def transform_points(points: Float32, transforms: Float32) -> Float32:
    """Apply affine transforms (K, 2, 3) to points (K, N, 2), one per row."""
    linear, shift = transforms[:, :, :2], transforms[:, :, 2]
    moved: Float32 = (points @ linear.transpose(0, 2, 1) + shift[:, None]).astype(np.float32)
    return moved


def suppress(boxes: Float32, scores: Float32, groups: Int64, max_iou: float) -> Int64:
    """Rows to keep when no two boxes of one group may overlap more than ``max_iou``.

    Args:
        boxes: (M, 4).
        scores: (M,) of two overlapping boxes the one with the higher score stays.
        groups: (M,) for example the frame of each box.
        max_iou: Overlap above which two boxes are the same person.

    Returns:
        Kept rows, ascending.
    """
    kept = np.ones(len(boxes), np.bool_)
    best_first = np.argsort(-scores, kind="stable")
    _, group, sizes = np.unique(groups[best_first], return_inverse=True, return_counts=True)
    for crowd in np.flatnonzero(sizes > 1):
        rows = best_first[group == crowd]
        beaten = np.triu(iou(boxes[rows], boxes[rows]) > max_iou, 1)  # [i, j]: i suppresses j
        for row, worse in zip(rows.tolist(), beaten, strict=True):
            if kept[row]:
                kept[rows[worse]] = False
    return np.flatnonzero(kept)
