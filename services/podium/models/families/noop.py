"""Models that compute nothing, to measure the costs of everything around the networks.

Family ``noop``. The detector finds one person in the middle of every image; the pose models put
every key point into the middle of the crop. The shapes are those of real models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.models.facts import detector_facts, pose_facts
from podium.models.manifest import Manifest
from podium.skeletons import skeleton
from podium.stages.detection import DETECT
from podium.stages.pose import POSE2D, POSE3D

_ROI_PER_IMAGE = 0.5


class NoOpDetector:
    """One upright region of half the image's size, with score 1, in each image."""

    outputs = DETECT.output_specs("rois")

    def __init__(self, manifest: Manifest) -> None:
        self._size = manifest.input.width
        self.facts = detector_facts(manifest)
        self.inputs = DETECT.input_specs(S=self._size)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        count = len(inputs["images"])
        middle, side = self._size / 2, self._size * _ROI_PER_IMAGE
        roi = np.array([[middle, middle, side, side, 0]], np.float32)
        low, high = middle - side / 2, middle + side / 2
        box = np.array([[low, low, high, high]], np.float32)
        return {
            "boxes": np.repeat(box, count, axis=0),
            "scores": np.ones(count, np.float32),
            "image_index": np.arange(count),
            "rois": np.repeat(roi, count, axis=0),
        }


class NoOpPose2D:
    """Every key point in the middle of the crop, with score 1."""

    def __init__(self, manifest: Manifest) -> None:
        width, height = manifest.input.width, manifest.input.height
        self.facts = pose_facts(manifest, presence=0.5)
        self._point = np.array([width / 2, height / 2, 1], np.float32)
        self._whole = np.array([width / 2, height / 2, width, height, 0], np.float32)
        self._joints = len(skeleton(self.facts.skeleton))
        self.inputs = POSE2D.input_specs(H=height, W=width)
        self.outputs = POSE2D.output_specs("presence", "rois", J=self._joints)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        count = len(inputs["images"])
        return {
            "keypoints": np.tile(self._point, (count, self._joints, 1)),
            "presence": np.ones(count, np.float32),
            "rois": np.tile(self._whole, (count, 1)),
        }


class NoOpPose3D(NoOpPose2D):
    """As ``NoOpPose2D``, and in 3D every joint at the hips."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.outputs = POSE3D.output_specs("presence", "rois", J=self._joints)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        flat = super().__call__(inputs)
        shape = flat["keypoints"].shape
        return {
            "keypoints_3d": np.zeros(shape, np.float32),
            "scores": np.ones(shape[:2], np.float32),
            **flat,
        }
