"""RTMPose and other SimCC networks as MMDeploy exports them: person crops -> 2D key points.

Sources: Li et al., "SimCC", 2022; Jiang et al., "RTMPose: Real-Time Multi-Person Pose Estimation
based on MMPose", 2023 (Apache-2.0, code and weights). They need RGB, ``mean: [123.675, 116.28,
103.53]``, ``std: [58.395, 57.12, 57.375]``, and the crops of HRNet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from podium.engines.session import Session
from podium.models.facts import pose_facts
from podium.models.manifest import Manifest
from podium.models.network import Network
from podium.skeletons import skeleton
from podium.stages.pose import POSE2D
from podium.types import Float32
from podium.vision.heatmaps import pose_confidence
from podium.vision.simcc import decode_simcc


class Simcc:
    """Adapter: ``images`` -> ``keypoints``, ``presence``.

    keypoints: (M, J, 3) x, y in crop pixels; score = the lower of the two values, clipped to 0-1.
    presence: (M,) mean of the scores above 0.2, 0 if there are none.

    Raises:
        SetupError: the weights are not of this family.
    """

    def __init__(self, manifest: Manifest, session: Session) -> None:
        self._network = Network(manifest, session)
        self.facts = pose_facts(manifest, presence=0.2)
        joints = len(skeleton(str(manifest.skeleton)))
        for name in ("simcc_x", "simcc_y"):
            self._network.output((-1, joints, -1), name)
        self._width, self._height = manifest.input.width, manifest.input.height
        self.inputs = POSE2D.input_specs(H=manifest.input.height, W=manifest.input.width)
        self.outputs = POSE2D.output_specs("presence", J=joints)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        raw = self._network(inputs["images"])
        return self.postprocess(raw["simcc_x"], raw["simcc_y"])

    def postprocess(self, along_x: Float32, along_y: Float32) -> dict[str, NDArray[Any]]:
        """Decode ``along_x`` (M, J, R W) and ``along_y`` (M, J, R H); R is usually 2."""
        keypoints = decode_simcc(along_x, along_y, self._width, self._height)
        keypoints[..., 2] = keypoints[..., 2].clip(0, 1)
        return {"keypoints": keypoints, "presence": pose_confidence(keypoints[..., 2])}
