"""Models that compute nothing: they show what everything around the networks costs.

Family ``noop``. The detector finds one person in the middle of every image; the pose models put
every key point into the middle of the crop. Shapes are those of real models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.models.manifest import Manifest
from podium.models.parameters import detector_parameters, pose_parameters
from podium.skeletons import skeleton
from podium.wire import Parameter, TensorSpec

_ROI_PER_IMAGE = 0.5


class _NoOp:
    def __init__(self, manifest: Manifest, parameters: Mapping[str, Parameter]) -> None:
        self._height, self._width = manifest.input.height, manifest.input.width
        self.parameters = parameters
        self.inputs: tuple[TensorSpec, ...] = (
            TensorSpec("images", "UINT8", (-1, self._height, self._width, 3)),
        )


class NoOpDetector(_NoOp):
    """One upright region of half the image's size, with score 1, in each image."""

    outputs = (
        TensorSpec("boxes", "FP32", (-1, 4)),
        TensorSpec("scores", "FP32", (-1,)),
        TensorSpec("image_index", "INT64", (-1,)),
        TensorSpec("rois", "FP32", (-1, 5)),
    )

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest, detector_parameters(manifest))

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        count = len(inputs["images"])
        middle, side = self._width / 2, self._width * _ROI_PER_IMAGE
        roi = np.array([[middle, middle, side, side, 0]], np.float32)
        low, high = middle - side / 2, middle + side / 2
        box = np.array([[low, low, high, high]], np.float32)
        return {
            "boxes": np.repeat(box, count, axis=0),
            "scores": np.ones(count, np.float32),
            "image_index": np.arange(count),
            "rois": np.repeat(roi, count, axis=0),
        }


class NoOpPose2D(_NoOp):
    """Every key point in the middle of the crop, with score 1."""

    def __init__(self, manifest: Manifest) -> None:
        presence = {"presence_threshold": manifest.thresholds.get("presence", 0.5)}
        super().__init__(manifest, {**pose_parameters(manifest), **presence})
        joints = len(skeleton(str(self.parameters["skeleton"])))
        self._point = np.array([self._width / 2, self._height / 2, 1], np.float32)
        self._joints = joints
        self.outputs: tuple[TensorSpec, ...] = (
            TensorSpec("keypoints", "FP32", (-1, joints, 3)),
            TensorSpec("presence", "FP32", (-1,)),
        )

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        count = len(inputs["images"])
        return {
            "keypoints": np.tile(self._point, (count, self._joints, 1)),
            "presence": np.ones(count, np.float32),
        }


class NoOpPose3D(NoOpPose2D):
    """The same, and every joint at the hips."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.outputs = (
            TensorSpec("keypoints_3d", "FP32", (-1, self._joints, 3)),
            TensorSpec("keypoints", "FP32", (-1, self._joints, 3)),
            TensorSpec("scores", "FP32", (-1, self._joints)),
            TensorSpec("presence", "FP32", (-1,)),
        )

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        flat = super().__call__(inputs)
        shape = flat["keypoints"].shape
        return {
            "keypoints_3d": np.zeros(shape, np.float32),
            "scores": np.ones(shape[:2], np.float32),
            **flat,
        }
