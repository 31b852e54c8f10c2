"""3DMPPE, RootNet and PoseNet in one graph: person crops -> key points in metres.

PoseNet places the joints in a volume of 64 x 64 x 64 cells around the person: the crop times 2 m
of depth around the hips. RootNet estimates the distance of the hips. Source: Moon et al., "Camera
Distance-aware Top-down Approach for 3D Multi-person Pose Estimation from a Single RGB Image",
2019 (MIT, code and weights). They need RGB with ImageNet normalisation and square crops of 256 x
256 pixels, 1.25 times as large as the person's box.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.engines.session import Session
from podium.errors import InvalidInput, SetupError
from podium.models.facts import pose_facts
from podium.models.manifest import Manifest
from podium.models.network import Network
from podium.skeletons import skeleton
from podium.stages.pose import POSE3D
from podium.types import Float32, Float64
from podium.vision.camera import back_project, distance_scale_m
from podium.vision.soft_argmax import soft_argmax_3d

_CELLS = 64  # along each side of the volume
_DEPTH_M = 2.0  # depth of the volume
_ROOT = "mid_hip"


class Mppe3D:
    """Adapter: crops, boxes and intrinsics -> 3D and 2D key points, and the distance.

    The distance is proportional to the focal length: if that is assumed, the distance is a guess,
    but the shape of the person is nearly right.

    images, boxes: (M, 4) the region of each crop, in frame pixels.
    intrinsics: (M, 4) fx, fy, cx, cy in frame pixels.
    keypoints_3d: (M, J, 3) metres from the middle of the hips, camera axes.
    keypoints: (M, J, 3) x, y in crop pixels. The network gives no scores: they are 1.
    scores: (M, J) 1.
    root_depth: (M,) metres from the camera to the hips, if the weights include RootNet.

    Raises:
        SetupError: the weights are not of this family.
    """

    def __init__(self, manifest: Manifest, session: Session) -> None:
        self._network = Network(manifest, session)
        joints = skeleton(str(manifest.skeleton))
        if _ROOT not in joints.index:
            raise SetupError(f"skeleton: {joints.name} has no {_ROOT}; use h36m18 or muco21")
        self._root = joints.index[_ROOT]
        self._is_volume = not self._network.has_output("coordinates")
        if self._is_volume:
            shape = (-1, len(joints) * _CELLS, _CELLS, _CELLS)
            self._network.output(shape, "heatmaps")
        else:
            self._network.output((-1, len(joints), 3), "coordinates")
        self._knows_depth = self._network.has_output("gamma")
        self._px_per_cell = manifest.input.width / _CELLS
        self.facts = pose_facts(manifest, needs_camera=True)
        size = manifest.input
        self.inputs = POSE3D.input_specs("boxes", "intrinsics", H=size.height, W=size.width)
        depth = ("root_depth",) if self._knows_depth else ()
        self.outputs = POSE3D.output_specs(*depth, J=len(joints))

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        for name in ("boxes", "intrinsics"):
            if not np.isfinite(inputs[name]).all():
                raise InvalidInput("must be finite", field=name)
        raw = self._network(inputs["images"])
        if self._is_volume:
            volume = raw["heatmaps"]  # (M, J * 64, 64, 64)
            joints = volume.shape[1] // _CELLS
            cells = soft_argmax_3d(volume.reshape(len(volume), joints, *[_CELLS] * 3))
        else:
            cells = raw["coordinates"]
        gamma = raw["gamma"].reshape(-1) if self._knows_depth else np.ones(len(cells), np.float32)
        return self.postprocess(cells, gamma, inputs["boxes"], inputs["intrinsics"])

    def postprocess(
        self, cells: Float32, gamma: Float32, boxes: Float32, intrinsics: Float32
    ) -> dict[str, NDArray[Any]]:
        """Decode ``cells`` (M, J, 3), x, y, z in 0-63, and ``gamma`` (M,), depth over k."""
        corners, camera = boxes.astype(np.float64), intrinsics.astype(np.float64)  # (M, 4) each
        root_m = gamma * distance_scale_m(corners, camera)  # (M,)
        absolute_m = _in_camera(cells.astype(np.float64), root_m, corners, camera)  # (M, J, 3)
        keypoints = np.ones_like(cells)
        keypoints[..., :2] = cells[..., :2] * np.float32(self._px_per_cell)
        relative_m = absolute_m - absolute_m[:, self._root, None]
        outputs: dict[str, NDArray[Any]] = {
            "keypoints_3d": relative_m.astype(np.float32),
            "keypoints": keypoints,
            "scores": keypoints[..., 2],
        }
        if self._knows_depth:
            outputs["root_depth"] = root_m.astype(np.float32)
        return outputs


def _in_camera(cells: Float64, root_m: Float64, boxes: Float64, intrinsics: Float64) -> Float64:
    """Cells of the volume (M, J, 3) to metres in camera axes (M, J, 3)."""
    corner, side = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    pixels = cells[..., :2] / _CELLS * side + corner
    depth_m = (cells[..., 2] / _CELLS - 0.5) * _DEPTH_M + root_m[:, None]
    camera = intrinsics.copy()
    camera[:, :2] = np.maximum(camera[:, :2], 1)  # as in distance_scale_m
    return back_project(pixels, depth_m, camera)
