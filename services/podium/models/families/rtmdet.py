"""RTMDet as MMDeploy exports it: letterboxed images -> person boxes.

Decoding and non-maximum suppression are inside the graph. It needs BGR, ``mean: [103.53, 116.28,
123.675]``, ``std: [57.375, 57.12, 58.395]`` and frames in the top left corner on grey 114. Source:
Lyu et al., "RTMDet: An Empirical Study of Designing Real-Time Object Detectors", 2022
(Apache-2.0, code and weights).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.engines.session import Session
from podium.models.facts import detector_facts
from podium.models.families.person_boxes import DetectorOptions, person_boxes
from podium.models.manifest import Manifest
from podium.models.network import Network
from podium.stages.detection import DETECT
from podium.types import Float32


class Rtmdet:
    """Adapter: ``images`` -> ``boxes``, ``scores``, ``image_index``; see ``person_boxes``.

    Threshold: ``score`` (0.1). The overlap limit is that of the export.

    Raises:
        SetupError: the weights are not of this family.
    """

    outputs = DETECT.output_specs()

    def __init__(self, manifest: Manifest, session: Session) -> None:
        self._network = Network(manifest, session)
        self._network.output((-1, -1, 5), "dets")
        self._network.output((-1, -1), "labels")
        self._person = manifest.read_options(DetectorOptions).person_class
        self._min_score = manifest.thresholds.get("score", 0.1)
        self.inputs = DETECT.input_specs(S=manifest.input.width)
        self.facts = detector_facts(manifest)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        raw = self._network(inputs["images"])
        return self.postprocess(raw["dets"], raw["labels"])

    def postprocess(self, dets: Float32, labels: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Take the persons of ``dets`` (D, N, 5), xyxy and score, by ``labels`` (D, N)."""
        scores = dets[..., 4]  # (D, N), padded with zeros
        image, row = np.nonzero((scores >= self._min_score) & (labels == self._person))
        return person_boxes(dets[image, row, :4], scores[image, row], image, max_iou=None)
