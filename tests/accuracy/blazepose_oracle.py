"""BlazePose by the book: TFLite runtime and scalar loops, to compare the adapters with.

Written from the published graph definitions of the original, one candidate and one key point at a
time; shares no code with ``podium``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Array = NDArray[Any]


class TfliteModel:
    def __init__(self, path: Path) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = {d["name"]: d["index"] for d in self._interpreter.get_output_details()}

    def run(self, image: Array, scale: float, offset: float) -> dict[str, Array]:
        """One uint8 image (S, S, 3) -> every output, without the batch dimension."""
        values = image.astype(np.float32) * np.float32(scale) + np.float32(offset)
        self._interpreter.set_tensor(self._input, values[None])
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(index)[0].copy()
            for name, index in self._outputs.items()
        }


@dataclass
class Person:
    score: float
    roi: tuple[float, float, float, float]  # cx, cy, side, rotation


def anchors() -> list[tuple[float, float]]:
    centers = []
    for cells, per_cell in ((28, 2), (14, 2), (7, 6)):
        for row in range(cells):
            for column in range(cells):
                centers += [((column + 0.5) / cells, (row + 0.5) / cells)] * per_cell
    return centers


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union of two boxes xyxy."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    shared = w * h
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def detect(raw: dict[str, Array], size: int) -> list[Person]:
    """Decode the detector's outputs; regions in pixels of its image."""
    candidates: list[tuple[float, list[float]]] = []
    for (ax, ay), row, logit in zip(
        anchors(), raw["Identity"].tolist(), raw["Identity_1"][:, 0].tolist(), strict=True
    ):
        score = 1 / (1 + math.exp(-max(-100.0, min(100.0, logit))))
        if score < 0.5:
            continue
        x, y, w, h = row[0] / size + ax, row[1] / size + ay, row[2] / size, row[3] / size
        values = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        for k in range(4):
            values += [row[4 + 2 * k] / size + ax, row[5 + 2 * k] / size + ay]
        candidates.append((score, values))
    candidates.sort(key=lambda item: -item[0])
    persons = []
    while candidates:
        best = candidates[0]
        group = [c for c in candidates if overlap(best[1], c[1]) > 0.3]
        candidates = [c for c in candidates if overlap(best[1], c[1]) <= 0.3]
        total = sum(score for score, _ in group)
        mean = [sum(s * v[k] for s, v in group) / total for k in range(12)]
        x0, y0, x1, y1 = (size * v for v in mean[4:8])
        angle = math.pi / 2 - math.atan2(-(y1 - y0), x1 - x0)
        angle -= 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
        persons.append(Person(best[0], (x0, y0, 2 * math.hypot(x1 - x0, y1 - y0) * 1.25, angle)))
    return persons


def landmarks(raw: dict[str, Array]) -> Array:
    """Decode the landmark model's outputs: (33, 3) x, y in crop pixels, visibility."""
    rows = raw["Identity"].reshape(39, 5)
    heat = raw["Identity_3"]
    result = np.zeros((33, 3))
    for j in range(33):
        x, y = rows[j, 0] / 256, rows[j, 1] / 256
        column, row = int(x * 64), int(y * 64)
        if 0 <= column < 64 and 0 <= row < 64:
            total = sum_x = sum_y = highest = 0.0
            for r in range(max(0, row - 4), min(64, row + 5)):
                for c in range(max(0, column - 4), min(64, column + 5)):
                    weight = 1 / (1 + math.exp(-float(heat[r, c, j])))
                    total, highest = total + weight, max(highest, weight)
                    sum_x, sum_y = sum_x + c * weight, sum_y + r * weight
            if highest >= 0.5:
                x, y = sum_x / 64 / total, sum_y / 64 / total
        result[j] = x * 256, y * 256, 1 / (1 + math.exp(-float(rows[j, 3])))
    return result


def cut(
    frame: Array, roi: tuple[float, float, float, float], size: int, border: int
) -> tuple[Array, Array]:
    """Cut a turned square corner to corner; also the transform (2, 3) crop -> frame."""
    cx, cy, side, rotation = roi
    cos, sin = math.cos(rotation) * side, math.sin(rotation) * side
    corners = [
        (cx + u * cos - v * sin, cy + u * sin + v * cos)
        for u, v in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5))
    ]
    target = np.array([(0, 0), (size, 0), (size, size)], np.float32)
    to_frame = cv2.getAffineTransform(target, np.array(corners, np.float32))
    matrix = np.vstack([to_frame, [0, 0, 1]])
    image = cv2.warpPerspective(
        frame,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
    )
    return image, to_frame
