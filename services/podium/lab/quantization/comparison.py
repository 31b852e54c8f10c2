"""Differences between an INT8 copy and its FP32 original, and the speed of both."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from podium.models.adapter import Adapter
from podium.vision.boxes import iou
from podium.wire import Tensors

_MATCH_IOU = 0.5
_CONFIDENT = 0.3


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of the two on the same held-out images."""

    images: int
    changes: dict[str, float]  # description with unit -> value
    fp32_ms: float  # CPU time per image, medians
    int8_ms: float


def compare(fp32: Adapter, int8: Adapter, inputs: Tensors) -> Comparison:
    """Run both alternately on every image.

    Args:
        fp32: The original.
        int8: Its copy.
        inputs: Held-out images, and the other inputs of the model.
    """
    rows = len(inputs["images"])
    times_ms = np.zeros((2, rows))
    answers: tuple[list[Tensors], list[Tensors]] = ([], [])
    for row in range(rows):
        one = {name: values[row : row + 1] for name, values in inputs.items()}
        for which, adapter in enumerate((fp32, int8)):
            started = time.process_time()
            answers[which].append(adapter(one))
            times_ms[which, row] = (time.process_time() - started) * 1e3
    measure = _of_boxes if "boxes" in answers[0][0] else _of_poses
    fp32_ms, int8_ms = np.median(times_ms, axis=1)
    return Comparison(rows, measure(*answers), float(fp32_ms), float(int8_ms))


def _of_boxes(fp32: list[Tensors], int8: list[Tensors]) -> dict[str, float]:
    """Persons matched one to one at IoU 0.5, the best first, and the shifts of their boxes."""
    shifts_px: list[float] = []
    for wanted, found in zip(fp32, int8, strict=True):
        overlap = iou(wanted["boxes"], found["boxes"])  # (K, L)
        for _ in range(min(overlap.shape)):
            a, b = np.unravel_index(overlap.argmax(), overlap.shape)
            if overlap[a, b] < _MATCH_IOU:
                break
            shifts_px.append(float(np.abs(wanted["boxes"][a] - found["boxes"][b]).mean()))
            overlap[a], overlap[:, b] = 0, 0
    return {
        "persons that FP32 finds": sum(len(each["boxes"]) for each in fp32),
        "of these INT8 finds": len(shifts_px),
        "persons that INT8 finds besides": sum(len(each["boxes"]) for each in int8)
        - len(shifts_px),
        "mean shift of a box side, px": _mean(shifts_px),
    }


def _of_poses(fp32: list[Tensors], int8: list[Tensors]) -> dict[str, float]:
    """The shifts of key points that have a high score in FP32."""
    before = np.concatenate([each["keypoints"] for each in fp32])  # (M, J, 3)
    after = np.concatenate([each["keypoints"] for each in int8])
    sure = before[..., 2] >= _CONFIDENT
    shift_px = np.linalg.norm(after[..., :2] - before[..., :2], axis=-1)[sure]
    changes = {
        "key points that FP32 is confident of": int(sure.sum()),
        "mean shift of a key point, px of the crop": _mean(shift_px),
        "95 % of key points shift less than, px": _percentile(shift_px),
    }
    if "keypoints_3d" in fp32[0]:
        before_m = np.concatenate([each["keypoints_3d"] for each in fp32])[sure]
        after_m = np.concatenate([each["keypoints_3d"] for each in int8])[sure]
        changes["mean shift in 3D, mm"] = _mean(np.linalg.norm(after_m - before_m, axis=-1)) * 1e3
    return changes


def _mean(values: object) -> float:
    array = np.asarray(values, np.float64)
    return float(array.mean()) if array.size else 0.0


def _percentile(values: object) -> float:
    array = np.asarray(values, np.float64)
    return float(np.percentile(array, 95)) if array.size else 0.0
