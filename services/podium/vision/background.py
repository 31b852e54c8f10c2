"""Follows the background of a video: how a moving camera shifts, turns and zooms the picture.

Corners outside the persons are tracked (Shi & Tomasi 1994; Lucas & Kanade 1981, in pyramids), and a
similarity is fitted to them by RANSAC. Corners are tracked from a key frame straight to every later
frame, so errors do not add up while the view stays. A new key frame follows when few are left.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from podium.types import Bool, Float64, UInt8

_CORNERS = 60
_APART_PX = 6
_QUALITY = 0.02
LEAST_CORNERS = 12
_LEAST_SHARE = 0.25
"""Share of a key frame's corners that must agree; with fewer there is a new key frame."""
_AGREE_PX = 1.0
_WIDER = 0.15
"""Share by which persons' boxes are widened, for what sticks out of them."""
_WINDOW_PX = 13
_LEVELS = 3
_BLUR_PX = 1.0
"""Small pictures are often made without a filter, so that fine texture flickers."""
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 0.02)


@dataclass(frozen=True, slots=True)
class _View:
    """A frame whose place is known."""

    grey: UInt8  # (H, W)
    boxes: Float64  # (N, 4) of persons
    to_first: Float64  # (3, 3) from its pixels to those of the first frame


@dataclass(frozen=True, slots=True)
class _Key:
    """A frame from which corners are tracked."""

    view: _View
    corners: Float64  # (N, 2)


class Background:
    """The background of one video. Small pictures are enough: a corner is found to 0.1 pixels."""

    def __init__(self) -> None:
        self._key: _Key | None = None
        self._last: _View | None = None
        self._corners: Float64 | None = None  # (N, 2) of the key, where they were last

    def follow(self, grey: UInt8, boxes: Float64) -> Float64 | None:
        """The similarity (2, 3) from pixels of the next frame to those of the first frame.

        Args:
            grey: (H, W), the same size on every frame.
            boxes: (N, 4) xyxy of the persons, in pixels of ``grey``.

        Returns:
            None where too few corners agree with earlier frames; the frames after it are then
            placed as if the camera had not moved meanwhile.
        """
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), _BLUR_PX), np.uint8)
        if self._last is None:
            self._last = _View(grey, boxes, np.eye(3))
            return np.eye(3)[:2]
        found = self._track(grey, boxes)
        if found is None and (self._key is None or self._key.view is not self._last):
            self._start(self._last)
            found = self._track(grey, boxes)
        self._last = _View(grey, boxes, self._last.to_first if found is None else found)
        return None if found is None else found[:2]

    def _start(self, view: _View) -> None:
        """Make a frame the key frame, if it has enough corners."""
        mask = np.full(view.grey.shape, 255, np.uint8)
        for left, top, right, bottom in np.maximum(_widened(view.boxes), 0).astype(int):
            mask[top:bottom, left:right] = 0
        found = cv2.goodFeaturesToTrack(view.grey, _CORNERS, _QUALITY, _APART_PX, mask=mask)
        corners = np.zeros((0, 2)) if found is None else found[:, 0].astype(np.float64)
        self._key = _Key(view, corners) if len(corners) >= LEAST_CORNERS else None
        self._corners = None

    def _track(self, grey: UInt8, boxes: Float64) -> Float64 | None:
        """The similarity (3, 3) from a frame to the first one; None if too few corners agree."""
        key = self._key
        if key is None:
            return None
        before = key.corners.astype(np.float32)
        guess = before if self._corners is None else self._corners.astype(np.float32)
        after, found, _ = cv2.calcOpticalFlowPyrLK(
            key.view.grey,
            grey,
            before[:, None],
            guess[:, None].copy(),
            winSize=(_WINDOW_PX, _WINDOW_PX),
            maxLevel=_LEVELS,
            criteria=_STOP,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        after = after[:, 0]
        good = (found[:, 0] == 1) & ~_covered(after, _widened(boxes))
        if good.sum() < LEAST_CORNERS:
            return None
        move, agree = cv2.estimateAffinePartial2D(
            after[good], before[good], method=cv2.RANSAC, ransacReprojThreshold=_AGREE_PX
        )
        if move is None or agree.sum() < max(LEAST_CORNERS, _LEAST_SHARE * len(before)):
            return None
        whole = np.vstack([move, [0.0, 0.0, 1.0]])
        back = np.linalg.inv(whole)
        self._corners = key.corners @ back[:2, :2].T + back[:2, 2]
        return np.asarray(key.view.to_first @ whole)


def _widened(boxes: Float64) -> Float64:
    known = boxes[np.isfinite(boxes).all(axis=1)]
    margin = _WIDER * (known[:, 2:] - known[:, :2])
    return np.concatenate([known[:, :2] - margin, known[:, 2:] + margin], axis=1)


def _covered(points: np.ndarray, boxes: Float64) -> Bool:
    """Which points (N, 2) lie in one of the boxes."""
    after = points[:, None] >= boxes[None, :, :2]
    before = points[:, None] <= boxes[None, :, 2:]
    return np.asarray((after & before).all(axis=-1).any(axis=-1))
