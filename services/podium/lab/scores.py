"""Scores of key points against the truth: PCK, MPJPE and PA-MPJPE, on arrays."""

from __future__ import annotations

import numpy as np

from podium.types import Float64 as Floats

LIMB_JOINTS = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""The scored joints: every skeleton has them, with the same definition."""

HIPS = (LIMB_JOINTS.index("left_hip"), LIMB_JOINTS.index("right_hip"))


def pck(pred_px: Floats, truth_px: Floats, box: Floats, alpha: float) -> float:
    """Share of correct key points, normalised by the person box (Yang & Ramanan, PAMI 2013).

    A key point is correct if its distance to the truth is below ``alpha * max(width, height)`` of
    the true box. A missing key point (NaN) is wrong.

    Args:
        pred_px: [T, J, 2].
        truth_px: [T, J, 2].
        box: [T, 4] xyxy.
        alpha: Usually 0.1.
    """
    side = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    return float(np.mean(np.linalg.norm(pred_px - truth_px, axis=-1) < alpha * side[:, None]))


def mpjpe_mm(pred_m: Floats, truth_m: Floats) -> float:
    """Mean joint distance after both mid-hips are moved to the origin.

    Args:
        pred_m: [T, 12, 3] metres, in the order of ``LIMB_JOINTS``; NaN joints are left out.
        truth_m: [T, 12, 3], same axes.
    """
    hips = list(HIPS)
    pred = pred_m - pred_m[:, hips].mean(axis=1, keepdims=True)
    truth = truth_m - truth_m[:, hips].mean(axis=1, keepdims=True)
    return float(1000 * np.nanmean(np.linalg.norm(pred - truth, axis=-1)))


def pa_mpjpe_mm(pred_m: Floats, truth_m: Floats) -> float:
    """Mean joint distance after the best rotation, scale and shift of every frame (Gower 1975).

    Args:
        pred_m: [T, J, 3] metres; frames with a NaN are left out.
        truth_m: [T, J, 3].
    """
    whole = np.isfinite(pred_m).all(axis=(1, 2))
    pred = pred_m[whole] - pred_m[whole].mean(axis=1, keepdims=True)
    truth = truth_m[whole] - truth_m[whole].mean(axis=1, keepdims=True)
    u, stretch, vt = np.linalg.svd(np.swapaxes(pred, 1, 2) @ truth)
    sign = np.ones_like(stretch)
    sign[:, -1] = np.sign(np.linalg.det(u @ vt))  # a rotation, never a mirror image
    scale = (stretch * sign).sum(axis=1) / (pred**2).sum(axis=(1, 2))
    aligned = scale[:, None, None] * pred @ (u * sign[:, None]) @ vt
    return float(1000 * np.mean(np.linalg.norm(aligned - truth, axis=-1)))
