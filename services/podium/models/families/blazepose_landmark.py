"""BlazePose landmark model: person crops -> 33 key points, in the crop and in metres.

One network gives both, so the same weights serve ``pose2d`` and ``pose3d``. Key points are
regressed and then moved to the nearby centroid of their heat map. Sources: Bazarevsky et al.,
"BlazePose", 2020; Grishchenko et al., "BlazePose GHUM Holistic", 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from podium.engines.session import Session, require_tensors
from podium.models.facts import pose_facts
from podium.models.families.activations import sigmoid
from podium.models.families.blazepose_regions import aligned_regions
from podium.models.manifest import Manifest
from podium.stages.pose import POSE2D, POSE3D
from podium.types import Float32
from podium.wire import TensorSpec

SIZE_PX = 256
JOINTS = 33

_POINTS = 39  # 33 key points and 6 more; the first two of those align a crop
_ALIGNED = JOINTS + 2
_CELLS = 64  # side of a heat map
_PX_PER_CELL = np.float32(SIZE_PX / _CELLS)
_STEPS = np.arange(-4, 5, dtype=np.int32)  # offsets of the cells around the regressed point
_SUMS = np.stack(
    [np.ones(_STEPS.size**2), np.tile(_STEPS, _STEPS.size), np.repeat(_STEPS, _STEPS.size)], axis=1
).astype(np.float32)  # (81, 3): weights for the sums of 1, x and y over the window
_INPUT = TensorSpec("images", "UINT8", (-1, SIZE_PX, SIZE_PX, 3))
_NETWORK_OUTPUTS = (
    TensorSpec("landmarks", "FP32", (-1, _POINTS * 5)),  # x, y, z in crop pixels, two logits
    TensorSpec("presence", "FP32", (-1, 1)),
    TensorSpec("heatmaps", "FP32", (-1, _CELLS, _CELLS, _POINTS)),  # logits
    TensorSpec("world", "FP32", (-1, _POINTS * 3)),  # metres
)


class _Estimates(NamedTuple):
    keypoints: Float32  # (M, 33, 3) x, y in crop pixels, visibility 0-1
    presence: Float32  # (M,)
    world: Float32  # (M, 33, 3) metres
    rois: Float32  # (M, 5) crop pixels


class _Landmarks:
    """The network and its decoding, shared by the two adapters."""

    def __init__(self, manifest: Manifest, session: Session) -> None:
        require_tensors(session, (_INPUT,), _NETWORK_OUTPUTS)
        self._session = session
        self._min_confidence = manifest.thresholds.get("heatmap", 0.5)
        self.facts = pose_facts(manifest, presence=0.5)

    def _estimate(self, inputs: Mapping[str, NDArray[Any]]) -> _Estimates:
        raw = self._session.run({"images": inputs["images"]})  # the graph normalises
        landmarks = raw["landmarks"].reshape(-1, _POINTS, 5)[:, :_ALIGNED]
        points = refine(landmarks[..., :2], raw["heatmaps"], self._min_confidence)
        visibility = sigmoid(landmarks[:, :JOINTS, 3:4])
        keypoints = np.concatenate([points[:, :JOINTS], visibility], axis=2)
        world = raw["world"].reshape(-1, _POINTS, 3)[:, :JOINTS]
        _, rois = aligned_regions(points[:, JOINTS], points[:, JOINTS + 1])
        return _Estimates(keypoints, raw["presence"][:, 0], world, rois)


class BlazePose2D(_Landmarks):
    """Adapter: ``images`` -> ``keypoints``, ``presence``, ``rois``.

    keypoints: (M, 33, 3) x, y in crop pixels, where the crop spans 0 to 256 from edge to edge;
        score = visibility, 0-1.
    presence: (M,) probability that the crop shows a person.
    rois: (M, 5) the region for the person's next crop, in crop pixels: cx, cy, w, h, rotation
        (radians, clockwise on screen), from the alignment points.

    Raises:
        SetupError: the weights are not of this family.
    """

    inputs = POSE2D.input_specs(H=SIZE_PX, W=SIZE_PX)
    outputs = POSE2D.output_specs("presence", "rois", J=JOINTS)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        found = self._estimate(inputs)
        return {"keypoints": found.keypoints, "presence": found.presence, "rois": found.rois}


class BlazePose3D(_Landmarks):
    """Adapter: ``images`` -> ``keypoints_3d``, ``keypoints``, ``scores``, ``presence``, ``rois``.

    keypoints_3d: (M, 33, 3) metres from the middle of the hips, in the axes of the crop: if the
        crop was rotated, the caller rotates x and y back.
    keypoints: (M, 33, 3), presence: (M,), rois: (M, 5), as in ``BlazePose2D``.
    scores: (M, 33) visibility, 0-1.

    Raises:
        SetupError: the weights are not of this family.
    """

    inputs = POSE3D.input_specs(H=SIZE_PX, W=SIZE_PX)
    outputs = POSE3D.output_specs("presence", "rois", J=JOINTS)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        found = self._estimate(inputs)
        return {
            "keypoints_3d": found.world,
            "keypoints": found.keypoints,
            "scores": found.keypoints[..., 2],
            "presence": found.presence,
            "rois": found.rois,
        }


def refine(xy: Float32, heatmaps: Float32, min_confidence: float) -> Float32:
    """Move key points to the centroid of their heat map in the 9 x 9 cells around them.

    Points outside the crop, and those whose heat map stays below ``min_confidence`` there, do not
    move. Written with few NumPy operations: after a network has run, NumPy's code is no longer in
    the processor's caches, so the number of operations costs more than the number of cells.

    Args:
        xy: (M, J, 2) crop pixels.
        heatmaps: (M, 64, 64, P) logits, rows first; the first J of the P maps are used.
        min_confidence: 0-1.

    Returns:
        (M, J, 2) crop pixels.
    """
    images, joints = xy.shape[:2]
    points = heatmaps.shape[-1]
    cells = (xy / _PX_PER_CELL).astype(np.int32)  # (M, J, 2)
    window = cells[..., None] + _STEPS  # (M, J, 2, 9)
    held = np.minimum(np.maximum(window, 0), _CELLS - 1)
    valid = held == window

    cell = held[:, :, 1, :, None] * _CELLS + held[:, :, 0, None, :]  # (M, J, 9, 9)
    first = np.arange(images)[:, None] * (_CELLS * _CELLS * points) + np.arange(joints)  # (M, J)
    weights = sigmoid(heatmaps.reshape(-1).take(cell * points + first[..., None, None]))
    weights *= valid[:, :, 1, :, None] & valid[:, :, 0, None, :]
    weights = weights.reshape(images, joints, _STEPS.size**2)

    sums = weights @ _SUMS  # (M, J, 3)
    total = sums[..., :1]
    is_inside = valid[..., _STEPS.size // 2].all(axis=-1, keepdims=True)
    is_clear = weights.max(axis=-1, keepdims=True) >= min_confidence
    found = is_inside & is_clear & (total > 0)  # (M, J, 1)
    centroid = (cells + sums[..., 1:] / np.where(found, total, 1)) * _PX_PER_CELL
    return np.where(found, centroid, xy).astype(np.float32)
