"""BlazePose landmark model: person crops -> 33 key points, in the crop and in metres.

One network gives both, so the same weights serve ``pose2d`` and ``pose3d``. Key points are
regressed and then moved to the centroid of their heat map around that place. Sources:
Bazarevsky et al., "BlazePose", 2020; Grishchenko et al., "BlazePose GHUM Holistic", 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from podium.engines.session import Session, require_tensors
from podium.models.activations import sigmoid
from podium.models.manifest import Manifest
from podium.models.parameters import pose_parameters
from podium.types import Float32
from podium.wire import Parameter, TensorSpec

SIZE_PX = 256
JOINTS = 33

_POINTS = 39  # the network adds 6 that align the next frame's crop when one tracks
_CELLS = 64  # side of a heat map
_KERNEL = 9  # cells around the regressed place that count
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


class _Landmarks:
    """What the two adapters share: the network and its decoding."""

    def __init__(self, manifest: Manifest, session: Session) -> None:
        require_tensors(session, (_INPUT,), _NETWORK_OUTPUTS)
        self._session = session
        self._min_confidence = manifest.thresholds.get("heatmap", 0.5)
        self.inputs: tuple[TensorSpec, ...] = (_INPUT,)
        self.parameters: Mapping[str, Parameter] = {
            **pose_parameters(manifest),
            "presence_threshold": manifest.thresholds.get("presence", 0.5),
        }

    def _estimate(self, inputs: Mapping[str, NDArray[Any]]) -> _Estimates:
        raw = self._session.run({"images": inputs["images"]})  # normalises inside the graph
        landmarks = raw["landmarks"].reshape(-1, _POINTS, 5)[:, :JOINTS]
        heatmaps = raw["heatmaps"][..., :JOINTS]
        keypoints = np.empty((len(landmarks), JOINTS, 3), np.float32)
        keypoints[..., :2] = refine(landmarks[..., :2], heatmaps, self._min_confidence)
        keypoints[..., 2] = sigmoid(landmarks[..., 3])
        world = raw["world"].reshape(-1, _POINTS, 3)[:, :JOINTS]
        return _Estimates(keypoints, raw["presence"][:, 0], world)


class BlazePose2D(_Landmarks):
    """Adapter: ``images`` -> ``keypoints``, ``presence``.

    keypoints: (M, 33, 3) x, y in crop pixels, where the crop spans 0 to 256 from edge to edge;
        score = visibility, 0-1.
    presence: (M,) probability that the crop shows a person.

    Raises:
        SetupError: the weights are not of this family.
    """

    outputs = (
        TensorSpec("keypoints", "FP32", (-1, JOINTS, 3)),
        TensorSpec("presence", "FP32", (-1,)),
    )

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        found = self._estimate(inputs)
        return {"keypoints": found.keypoints, "presence": found.presence}


class BlazePose3D(_Landmarks):
    """Adapter: ``images`` -> ``keypoints_3d``, ``keypoints``, ``scores``, ``presence``.

    keypoints_3d: (M, 33, 3) metres from the middle of the hips, in the axes of the crop: a
        caller whose crop was turned turns x and y back.
    keypoints: (M, 33, 3), presence: (M,), as ``BlazePose2D`` gives them.
    scores: (M, 33) visibility, 0-1.

    Raises:
        SetupError: the weights are not of this family.
    """

    outputs = (
        TensorSpec("keypoints_3d", "FP32", (-1, JOINTS, 3)),
        TensorSpec("keypoints", "FP32", (-1, JOINTS, 3)),
        TensorSpec("scores", "FP32", (-1, JOINTS)),
        TensorSpec("presence", "FP32", (-1,)),
    )

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        found = self._estimate(inputs)
        return {
            "keypoints_3d": found.world,
            "keypoints": found.keypoints,
            "scores": found.keypoints[..., 2],
            "presence": found.presence,
        }


def refine(xy: Float32, heatmaps: Float32, min_confidence: float) -> Float32:
    """Move key points to the centroid of their heat map in the 9 x 9 cells around them.

    Points outside the crop, and those whose heat map stays below ``min_confidence`` there, are
    left where they are.

    Args:
        xy: (M, J, 2) crop pixels.
        heatmaps: (M, 64, 64, J) logits, rows first.
        min_confidence: 0-1.

    Returns:
        (M, J, 2) crop pixels.
    """
    px_per_cell = np.float32(SIZE_PX / _CELLS)
    cells = np.trunc(xy / px_per_cell).astype(np.int64)  # (M, J, 2)
    inside = ((cells >= 0) & (cells < _CELLS)).all(axis=-1)  # (M, J)

    window = cells[..., None] + np.arange(-(_KERNEL // 2), _KERNEL // 2 + 1)  # (M, J, 2, 9)
    valid = (window >= 0) & (window < _CELLS)
    clipped = window.clip(0, _CELLS - 1)
    m, j = np.indices(cells.shape[:2])[..., None, None]  # (M, J, 1, 1) each
    logits = heatmaps[m, clipped[:, :, 1, :, None], clipped[:, :, 0, None, :], j]  # (M, J, 9, 9)
    weights = sigmoid(logits) * (valid[:, :, 1, :, None] & valid[:, :, 0, None, :])

    total = weights.sum(axis=(2, 3))
    found = inside & (weights.max(axis=(2, 3)) >= min_confidence) & (total > 0)
    moments = np.stack(
        [
            (weights.sum(axis=2) * window[:, :, 0]).sum(axis=-1),
            (weights.sum(axis=3) * window[:, :, 1]).sum(axis=-1),
        ],
        axis=-1,
    )  # (M, J, 2)
    centroid = moments / np.where(found, total, 1)[..., None] * px_per_cell
    return np.where(found[..., None], centroid, xy).astype(np.float32)
