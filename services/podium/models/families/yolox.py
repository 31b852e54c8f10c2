"""YOLOX: letterboxed images -> person boxes.

The official exports do not decode the last layer: centres are offsets from the cells of three
grids, sizes are logarithms, both in strides. Source: Ge et al., "YOLOX: Exceeding YOLO Series in
2021", 2021 (Apache-2.0, code and weights). It needs BGR 0-255 and frames in the top left corner on
grey 114: ``input.color: bgr``, ``letterbox: {anchor: top_left, fill: 114}``.
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

_STRIDES_PX = (8, 16, 32)
_FIRST_CLASS = 5  # after box centre, box size and objectness
_MAX_LOG_SIZE = 20.0
"""Limits sizes to about 10^10 px, so that float32 does not overflow."""


class Yolox:
    """Adapter: ``images`` -> ``boxes``, ``scores``, ``image_index``; see ``person_boxes``.

    The score is objectness times the score of the class person. Thresholds: ``score`` (0.1) and
    ``iou`` (0.45), as in the official demonstration.

    Raises:
        SetupError: the weights are not of this family.
    """

    outputs = DETECT.output_specs()

    def __init__(self, manifest: Manifest, session: Session) -> None:
        self._network = Network(manifest, session)
        self._cells, self._strides = _grids(manifest.input.width)
        output = self._network.output((-1, len(self._cells), -1))
        self._output = output.name
        self._person = _FIRST_CLASS + manifest.read_options(DetectorOptions).person_class
        if 0 <= output.shape[2] <= self._person:
            raise SetupError(
                f"options.person_class: the weights have {output.shape[2] - 5} classes"
            )
        self._min_score = manifest.thresholds.get("score", 0.1)
        self._max_iou = manifest.thresholds.get("iou", 0.45)
        self.inputs = DETECT.input_specs(S=manifest.input.width)
        self.facts = detector_facts(manifest)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return self.postprocess(self._network(inputs["images"])[self._output])

    def postprocess(self, raw: Float32) -> dict[str, NDArray[Any]]:
        """Decode ``raw`` (D, N, 5 + classes): centre, size, objectness 0-1, classes 0-1."""
        scores = raw[..., 4] * raw[..., self._person]  # (D, N)
        image, cell = np.nonzero(scores >= self._min_score)  # (C,) candidates of all images
        box = raw[image, cell, :4]  # (C, 4)
        stride = self._strides[cell]  # (C, 1)
        center = (box[:, :2] + self._cells[cell]) * stride
        half = np.exp(np.minimum(box[:, 2:], _MAX_LOG_SIZE)) * stride / 2
        boxes = np.concatenate([center - half, center + half], axis=1)
        return person_boxes(boxes, scores[image, cell], image, self._max_iou)


def _grids(size_px: int) -> tuple[Float32, Float32]:
    """Columns and rows (N, 2) and strides in pixels (N, 1) of the network's output rows."""
    cells, strides = [], []
    for stride in _STRIDES_PX:
        count = size_px // stride
        y, x = np.indices((count, count), np.float32)
        cells.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((count * count, 1), stride, np.float32))
    return np.concatenate(cells), np.concatenate(strides)
