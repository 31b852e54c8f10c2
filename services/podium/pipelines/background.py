"""How the camera moves over a request, measured on the detector images."""

from __future__ import annotations

import cv2
import numpy as np

from podium.pipelines.answer import Similarity
from podium.pipelines.chunk import Chunk
from podium.types import Float32, Float64, FrameBatch
from podium.vision.background import Background

LEAST_SIDE_PX = 48
"""In a detector image the frame must be this wide and high: long thin frames show too little."""

LEAST_STEP_S = 0.06
"""Frames that are closer in time are skipped: a hand or a tripod head moves more slowly."""


class CameraPath:
    """Follows the background from chunk to chunk; one object serves a request."""

    def __init__(self) -> None:
        self._background = Background()
        self._last_s = -np.inf

    def of(self, chunk: Chunk) -> dict[int, Similarity]:
        """Frame index -> a, b, x, y, on the frames where it was measured; call it in order.

        The place (u, v) in the frame is at (a u - b v + x, b u + a v + y) in the first frame that
        was measured.
        """
        batch, persons = chunk.batch, chunk.persons
        time_s = dict(zip(batch.frame_index.tolist(), batch.time_s.tolist(), strict=True))
        path: dict[int, Similarity] = {}
        for row, frame in enumerate(batch.image_frame.tolist()):
            if time_s[frame] - self._last_s < LEAST_STEP_S:
                continue
            self._last_s = time_s[frame]
            boxes = persons.boxes[persons.frame_index == frame]
            move = self._follow(batch, row, boxes)
            if move is not None:
                a, b, x, y = move[(0, 1, 0, 1), (0, 0, 2, 2)].tolist()
                path[frame] = (round(a, 7), round(b, 7), round(x, 3), round(y, 3))
        return path

    def _follow(self, batch: FrameBatch, row: int, boxes: Float32) -> Float64 | None:
        """The similarity (2, 3) in pixels of the frame; None where it is unknown."""
        to_frame = np.vstack([batch.transforms[row].astype(np.float64), [0.0, 0.0, 1.0]])
        to_image = np.linalg.inv(to_frame)
        left, top, right, bottom = _part(batch, to_image)
        if min(right - left, bottom - top) < LEAST_SIDE_PX:
            return None
        grey = cv2.cvtColor(batch.images[row][top:bottom, left:right], cv2.COLOR_RGB2GRAY)
        to_image[:2, 2] -= left, top
        corners = boxes.astype(np.float64).reshape(-1, 2, 2) @ to_image[:2, :2].T + to_image[:2, 2]
        move = self._background.follow(grey.astype(np.uint8), corners.reshape(-1, 4))
        if move is None:
            return None
        whole = np.vstack([move, [0.0, 0.0, 1.0]])
        return np.asarray((np.linalg.inv(to_image) @ whole @ to_image)[:2])


def _part(batch: FrameBatch, to_image: Float64) -> tuple[int, int, int, int]:
    """The part of a detector image that shows the frame: left, top, right, bottom."""
    size = batch.images.shape[1]
    width, height = batch.frame_size.tolist()
    scale, (left, top) = to_image[0, 0], to_image[:2, 2]
    return (
        int(np.ceil(max(left, 0))),
        int(np.ceil(max(top, 0))),
        int(min(left + scale * (width - 1), size)),
        int(min(top + scale * (height - 1), size)),
    )
