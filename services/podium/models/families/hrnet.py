"""HRNet and other networks with one heat map per key point: person crops -> 2D key points.

Source: Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation", 2019
(MIT, code and weights). It needs RGB, ``mean: [123.675, 116.28, 103.53]``, ``std: [58.395, 57.12,
57.375]`` (inside the graph if Podium exported it) and crops of 192 x 256 or 288 x 384 pixels, 1.25
times as large as the person's box, extended to 3:4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from podium.engines.session import Session
from podium.models.facts import pose_facts
from podium.models.manifest import Manifest
from podium.models.network import Network
from podium.skeletons import skeleton
from podium.stages.pose import POSE2D
from podium.types import Float32, UInt8
from podium.vision.heatmaps import decode_dark, decode_quarter, flip_back, pose_confidence


class HrnetOptions(BaseModel):
    """``options`` in the manifest of a heat map network."""

    model_config = ConfigDict(extra="forbid")

    decode: Literal["quarter", "dark"] = "quarter"
    """Quarter offset, as published with HRNet, or DARK: MMPose has 74.9 and 75.7 AP on COCO."""

    sigma: float = Field(default=2, gt=0, le=8)
    """Sigma of the Gaussians in training, in heat map cells: 2 at 192 x 256, 3 at 288 x 384."""

    flip_test: bool = False
    """Average with the mirrored crop; takes twice the time."""


class Hrnet:
    """Adapter: ``images`` -> ``keypoints``, ``presence``.

    keypoints: (M, J, 3) x, y in crop pixels; score = height of the heat map there, clipped to 0-1.
    presence: (M,) mean of the scores above 0.2, 0 if there are none; near 0 for a crop without a
        person.

    Raises:
        SetupError: the weights are not of this family.
    """

    def __init__(self, manifest: Manifest, session: Session) -> None:
        self._network = Network(manifest, session)
        self.facts = pose_facts(manifest, presence=0.2)
        joints = skeleton(str(manifest.skeleton))
        self._output = self._network.output((-1, len(joints), -1, -1)).name
        self._options = manifest.read_options(HrnetOptions)
        self._mirror = joints.mirror
        self._size_px = np.array([manifest.input.width, manifest.input.height], np.float32)
        self.inputs = POSE2D.input_specs(H=manifest.input.height, W=manifest.input.width)
        self.outputs = POSE2D.output_specs("presence", J=len(joints))

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        images: UInt8 = inputs["images"]
        heatmaps: Float32 = self._network(images)[self._output]  # (M, J, H / 4, W / 4)
        if self._options.flip_test:
            mirrored = self._network(images[:, :, ::-1])[self._output]
            heatmaps = np.float32(0.5) * (heatmaps + flip_back(mirrored, self._mirror))
        return self.postprocess(heatmaps)

    def postprocess(self, heatmaps: Float32) -> dict[str, NDArray[Any]]:
        """Decode ``heatmaps`` (M, J, rows, columns)."""
        if self._options.decode == "dark":
            keypoints = decode_dark(heatmaps, self._options.sigma)
        else:
            keypoints = decode_quarter(heatmaps)
        keypoints[..., :2] *= self._size_px / heatmaps.shape[:1:-1]  # cells to pixels
        keypoints[..., 2] = keypoints[..., 2].clip(0, 1)
        return {"keypoints": keypoints, "presence": pose_confidence(keypoints[..., 2])}
