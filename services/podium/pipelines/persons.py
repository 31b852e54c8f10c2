"""Persons as flat arrays, and their way from crop pixels to frame pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from podium.types import Float32, Int64, Poses2D, Poses3D
from podium.vision.boxes import box_of_keypoints, transform_points, transform_rois


@dataclass(frozen=True, slots=True)
class Persons:
    """The persons of some frames, flat."""

    frame_index: Int64  # (M,) ascending
    track_ids: Int64  # (M,)
    boxes: Float32  # (M, 4)
    scores: Float32  # (M,)
    keypoints: Float32  # (M, J, 3)
    keypoints_3d: Float32 | None  # (M, J, 3)
    rois: Float32  # (M, 5) region of the person by the pose, for the next crop
    root_depth: Float32 | None = None  # (M,) metres from the camera to the middle of the hips

    def rows(self, kept: Int64) -> Persons:
        """Only the given rows."""
        return Persons(
            self.frame_index[kept],
            self.track_ids[kept],
            self.boxes[kept],
            self.scores[kept],
            self.keypoints[kept],
            None if self.keypoints_3d is None else self.keypoints_3d[kept],
            self.rois[kept],
            None if self.root_depth is None else self.root_depth[kept],
        )

    def with_tracks(self, track_ids: Int64) -> Persons:
        """A copy with these track ids (M,)."""
        return replace(self, track_ids=track_ids)

    @staticmethod
    def nobody(joint_count: int, *, in_3d: bool) -> Persons:
        """No rows, with the right shapes."""
        none = np.zeros((0, joint_count, 3), np.float32)
        empty = np.zeros(0, np.int64)
        scores = np.zeros(0, np.float32)
        boxes = np.zeros((0, 4), np.float32)
        rois = np.zeros((0, 5), np.float32)
        return Persons(empty, empty, boxes, scores, none, none if in_3d else None, rois)

    @staticmethod
    def concatenate(parts: list[Persons]) -> Persons:
        """Join the persons of consecutive chunks."""
        if len(parts) == 1:
            return parts[0]
        in_3d = [p.keypoints_3d for p in parts if p.keypoints_3d is not None]
        depths = [p.root_depth for p in parts if p.root_depth is not None]
        return Persons(
            np.concatenate([p.frame_index for p in parts]),
            np.concatenate([p.track_ids for p in parts]),
            np.concatenate([p.boxes for p in parts]),
            np.concatenate([p.scores for p in parts]),
            np.concatenate([p.keypoints for p in parts]),
            np.concatenate(in_3d) if in_3d else None,
            np.concatenate([p.rois for p in parts]),
            np.concatenate(depths) if depths else None,
        )


def in_frame_pixels(
    frame_index: Int64,
    cut: Float32,
    scores: Float32,
    transforms: Float32,
    poses: Poses2D | Poses3D,
) -> Persons:
    """Move the poses of crops into the frame; their tracks are still unknown (-1).

    Args:
        frame_index: (M,) frame of each crop.
        cut: (M, 5) regions of the crops; kept as ``rois`` if the model gives none.
        scores: (M,) scores of the detections; replaced by ``presence`` if the model has it.
        transforms: (M, 2, 3) crop -> frame.
        poses: Poses in the crops. 3D key points, in crop axes, are rotated into frame axes.
    """
    keypoints = poses.keypoints.copy()
    keypoints[..., :2] = transform_points(keypoints[..., :2], transforms)
    keypoints_3d = None
    if isinstance(poses, Poses3D):
        angle = np.arctan2(transforms[:, 1, 0], transforms[:, 0, 0])
        cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
        turn = np.stack([cos, -sin, zero, sin, cos, zero], axis=1).reshape(-1, 2, 3)
        keypoints_3d = poses.keypoints_3d.copy()
        keypoints_3d[..., :2] = transform_points(keypoints_3d[..., :2], turn)
    return Persons(
        frame_index,
        np.full(len(frame_index), -1, np.int64),
        box_of_keypoints(keypoints),
        scores if poses.presence is None else poses.presence,
        keypoints,
        keypoints_3d,
        cut if poses.rois is None else transform_rois(poses.rois, transforms),
        poses.root_depth if isinstance(poses, Poses3D) else None,
    )
