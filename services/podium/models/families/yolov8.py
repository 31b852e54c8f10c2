"""The output layout of YOLOv8: letterboxed images -> person boxes.

For weights of users: [D, 4 + classes, N], with decoded boxes as centre and size in pixels of the
image, one score per class and no objectness. Such networks usually need RGB 0-1
(``input.layout: nchw``, ``std: [255, 255, 255]``) and frames in the middle on grey 114
(``letterbox: {anchor: center, fill: 114}``). Podium ships none: the official code and weights are
under AGPL-3.0. Source: the published shape of the official ONNX export.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.engines.session import Session
from podium.errors import SetupError
from podium.models.facts import detector_facts
from podium.models.families.person_boxes import DetectorOptions, person_boxes
from podium.models.manifest import Manifest
from podium.models.network import Network
from podium.stages.detection import DETECT
from podium.types import Float32

_FIRST_CLASS = 4  # after box centre and box size


class Yolov8:
    """Adapter: ``images`` -> ``boxes``, ``scores``, ``image_index``; see ``person_boxes``.

    Thresholds: ``score`` (0.25) and ``iou`` (0.7), as published.

    Raises:
        SetupError: the weights are not of this family.
    """

    outputs = DETECT.output_specs()

    def __init__(self, manifest: Manifest, session: Session) -> None:
        self._network = Network(manifest, session)
        output = self._network.output((-1, -1, -1))
        self._output = output.name
        self._person = _FIRST_CLASS + manifest.read_options(DetectorOptions).person_class
        if 0 <= output.shape[1] <= self._person:
            raise SetupError(
                f"options.person_class: the weights have {output.shape[1] - 4} classes"
            )
        self._min_score = manifest.thresholds.get("score", 0.25)
        self._max_iou = manifest.thresholds.get("iou", 0.7)
        self.inputs = DETECT.input_specs(S=manifest.input.width)
        self.facts = detector_facts(manifest)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return self.postprocess(self._network(inputs["images"])[self._output])

    def postprocess(self, raw: Float32) -> dict[str, NDArray[Any]]:
        """Decode ``raw`` (D, 4 + classes, N): centre and size in pixels, classes 0-1."""
        scores = raw[:, self._person]  # (D, N)
        image, anchor = np.nonzero(scores >= self._min_score)  # (C,) candidates of all images
        box = raw[image, :4, anchor]  # (C, 4)
        center, half = box[:, :2], box[:, 2:] / 2
        boxes = np.concatenate([center - half, center + half], axis=1)
        return person_boxes(boxes, scores[image, anchor], image, self._max_iou)
