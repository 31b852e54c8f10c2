"""BlazePose person detector: letterboxed images -> one aligned region per person.

The network finds faces and, for each, the middle of the hips and a point on the circle around the
whole body; the direction from the first to the second gives the person's rotation. It is made for
one or a few large persons. Source: Bazarevsky et al., "BlazePose", 2020, and the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.engines.session import Session, require_tensors
from podium.models.facts import detector_facts
from podium.models.families.activations import sigmoid
from podium.models.families.blazepose_regions import aligned_regions
from podium.models.manifest import Manifest
from podium.stages.detection import DETECT
from podium.types import Float32
from podium.vision.nms import weighted_nms
from podium.wire import TensorSpec

SIZE_PX = 224

_GRIDS = ((28, 2), (14, 2), (7, 6))  # cells per side, anchors per cell
_ANCHORS = sum(cells * cells * per_cell for cells, per_cell in _GRIDS)
_VALUES = 12  # box centre, box size, 4 key points

_INPUT = TensorSpec("images", "UINT8", (-1, SIZE_PX, SIZE_PX, 3))
_NETWORK_OUTPUTS = (
    TensorSpec("regressors", "FP32", (-1, _ANCHORS, _VALUES)),
    TensorSpec("logits", "FP32", (-1, _ANCHORS, 1)),
)


class BlazePoseDetector:
    """Adapter: ``images`` -> ``boxes``, ``scores``, ``image_index``, ``rois``.

    Rows are ordered by image, and within an image by descending score. Boxes and regions are in
    pixels of the image that ``image_index`` names:

    boxes: (K, 4) xyxy, the square around the body circle. A standing person is narrower, and the
        square may extend beyond the image. (The network's own box is the face.)
    scores: (K,) 0-1.
    image_index: (K,) row of ``images``.
    rois: (K, 5) cx, cy, w, h, rotation. The square that BlazePose landmark models need: centred
        on the hips, 1.25 times as wide as the body circle, rotated with the person. The rotation
        is in radians, clockwise on screen, 0 for a person who stands upright.

    Raises:
        SetupError: the weights are not of this family.
    """

    def __init__(self, manifest: Manifest, session: Session) -> None:
        require_tensors(session, (_INPUT,), _NETWORK_OUTPUTS)
        self._session = session
        self._anchors = _anchor_centers_px()
        self._min_score = manifest.thresholds.get("score", 0.5)
        self._max_iou = manifest.thresholds.get("iou", 0.3)
        self.inputs = DETECT.input_specs(S=SIZE_PX)
        self.outputs = DETECT.output_specs("rois")
        self.facts = detector_facts(manifest)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        raw = self._session.run({"images": inputs["images"]})  # the graph normalises
        return self.postprocess(raw["regressors"], raw["logits"])

    def postprocess(self, regressors: Float32, logits: Float32) -> dict[str, NDArray[Any]]:
        """Decode ``regressors`` (D, 2254, 12) and ``logits`` (D, 2254, 1)."""
        scores = sigmoid(logits[..., 0])  # (D, 2254)
        image, anchor = np.nonzero(scores >= self._min_score)  # (C,) candidates of all images
        scores = scores[image, anchor]
        raw = regressors[image, anchor].reshape(-1, _VALUES // 2, 2)  # (C, 6, 2) x, y in pixels
        points = raw + self._anchors[anchor, None]  # row 1 is a size, not a point
        center, half = points[:, 0], raw[:, 1] / 2
        faces = np.concatenate([center - half, center + half], axis=1)
        hips_and_circle = points[:, 2:4].reshape(-1, 4)

        merged = [
            weighted_nms(faces[of], scores[of], hips_and_circle[of], self._max_iou)
            for of in (image == row for row in range(len(regressors)))
        ]
        counts = [len(kept) for _, kept in merged]
        alignment = np.concatenate(
            [np.zeros((0, 4), np.float32), *(values for values, _ in merged)]
        )
        boxes, rois = aligned_regions(alignment[:, :2], alignment[:, 2:])
        return {
            "boxes": boxes,
            "scores": np.concatenate([np.zeros(0, np.float32), *(kept for _, kept in merged)]),
            "image_index": np.repeat(np.arange(len(merged)), counts),
            "rois": rois,
        }


def _anchor_centers_px() -> Float32:
    """Centres (2254, 2) of the anchors, x and y, in the order of the network's rows."""
    grids = []
    for cells, per_cell in _GRIDS:
        along = (np.arange(cells, dtype=np.float32) + 0.5) * (SIZE_PX / cells)
        y, x = np.meshgrid(along, along, indexing="ij")
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(grids).astype(np.float32)
