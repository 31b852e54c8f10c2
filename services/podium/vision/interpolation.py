"""Regions of interest on every frame from detections on every Nth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from podium.types import Float32, Float64, Int64
from podium.vision.assignment import match

_MAX_SHIFT = 1.0
"""Furthest a person moves between two detections, in sides of the region, size change included."""

_MAX_MISSES = 2
"""Detections in a row that a person may be missed on and still be joined to what follows."""


@dataclass(slots=True)
class _Tracklet:
    """One person over the detection frames of one batch."""

    positions: list[int] = field(default_factory=list)
    rois: list[Float32] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    last_step: int = 0

    def add(self, step: int, position: int, roi: Float32, score: float) -> None:
        self.last_step = step
        self.positions.append(position)
        self.rois.append(roi)
        self.scores.append(score)


def interpolate_rois(
    positions: Int64,
    image_index: Int64,
    rois: Float32,
    scores: Float32,
    frame_count: int,
    *,
    hold: bool = True,
) -> tuple[Int64, Float32, Float32]:
    """Associate the detections of consecutive detection frames and fill the frames between.

    A person seen on both sides of a gap gets linearly interpolated regions in it. Before the
    first and after the last sighting the region is held for one gap, because the person may
    come or go between two detections, if the pose model says whether somebody is there.

    Args:
        positions: (D,) ascending positions of the detection frames within the batch.
        image_index: (K,) which detection frame each region belongs to.
        rois: (K, 5) frame pixels.
        scores: (K,).
        frame_count: N, frames of the batch.
        hold: Whether to hold regions where the person may be gone.

    Returns:
        Position in the batch (M,), region (M, 5) and score (M,), ordered by position.
    """
    parts = [
        _spread(tracklet, *_span(tracklet, positions, frame_count, hold=hold))
        for tracklet in _associate(positions, image_index, rois, scores)
    ]
    if not parts:
        return np.zeros(0, np.int64), np.zeros((0, 5), np.float32), np.zeros(0, np.float32)
    position = np.concatenate([p for p, _, _ in parts])
    order = np.argsort(position, kind="stable")
    return (
        position[order],
        np.concatenate([r for _, r, _ in parts])[order].astype(np.float32),
        np.concatenate([s for _, _, s in parts])[order].astype(np.float32),
    )


def _associate(
    positions: Int64, image_index: Int64, rois: Float32, scores: Float32
) -> list[_Tracklet]:
    tracklets: list[_Tracklet] = []
    for step, position in enumerate(positions):
        rows = np.flatnonzero(image_index == step)
        live = [t for t in tracklets if step - t.last_step <= 1 + _MAX_MISSES]
        cost = _cost(np.array([t.rois[-1] for t in live]).reshape(-1, 5), rois[rows])
        pairs = {column: row for row, column in match(cost, _MAX_SHIFT)}
        for column, row in enumerate(rows):
            if column in pairs:
                tracklet = live[pairs[column]]
            else:
                tracklet = _Tracklet()
                tracklets.append(tracklet)
            tracklet.add(step, int(position), rois[row], float(scores[row]))
    return tracklets


def _cost(a: Float32, b: Float32) -> Float64:
    """Distance of the centres in sides, plus the change of size on a log scale: (A, B)."""
    side_a, side_b = np.sqrt(np.prod(a[:, 2:4], axis=1)), np.sqrt(np.prod(b[:, 2:4], axis=1))
    distance = np.linalg.norm(a[:, None, :2] - b[None, :, :2], axis=2)
    ratio = np.log(side_a[:, None] / side_b[None, :])
    cost: Float64 = distance / ((side_a[:, None] + side_b[None, :]) / 2) + np.abs(ratio)
    return cost


def _span(
    tracklet: _Tracklet, positions: Int64, frame_count: int, *, hold: bool
) -> tuple[int, int]:
    """First and last frame on which the person may be."""
    first, last = tracklet.positions[0], tracklet.positions[-1]
    if not hold:
        return first, last
    before, after = positions[positions < first], positions[positions > last]
    return (
        int(before[-1]) + 1 if len(before) else 0,
        int(after[0]) - 1 if len(after) else frame_count - 1,
    )


def _spread(tracklet: _Tracklet, first: int, last: int) -> tuple[Int64, Float64, Float64]:
    frames = np.arange(first, last + 1, dtype=np.int64)
    knots = np.stack(tracklet.rois).astype(np.float64)
    knots[:, 4] = np.unwrap(knots[:, 4])
    rois = np.column_stack([np.interp(frames, tracklet.positions, knots[:, c]) for c in range(5)])
    return frames, rois, np.interp(frames, tracklet.positions, tracklet.scores)
