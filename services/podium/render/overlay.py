"""Draws skeletons, boxes and captions onto frames.

All strokes of one look are one call of OpenCV. It lets go of the interpreter's lock in every call,
and must wait for it again behind the thread that measures the clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from podium.render.colours import SIDE_RGB, Rgb, side_of
from podium.skeletons import Skeleton
from podium.types import Bool, Float64, Int32, Int64, UInt8
from podium.yuv import Picture, Yuv

_RIM: Rgb = (20, 20, 20)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUBPIXEL_BITS = 4

_Lines = tuple[tuple[Rgb, Int64], ...]
"""A colour, and the joints (N, 2) at both ends of each line that has it."""


@dataclass(frozen=True, slots=True)
class DrawnPerson:
    """One person to draw on one frame."""

    skeleton: Skeleton
    keypoints: Float64  # (J, 2) pixels; NaN is not drawn
    filled: Bool  # (J,) interpolated, not measured: drawn as a ring
    box: Float64  # (4,) xyxy; NaN is not drawn
    label: str


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Pixels to draw on, which may be coarser than the picture."""

    pixels: UInt8  # (H, W) or (H, W, C)
    scale: float  # size of the pixels / size of the picture
    values: Callable[[Rgb], Sequence[float]]  # what a colour is in these pixels

    def at(self, points: Float64) -> Int32:
        """Points (N, 2) of the picture, in OpenCV's fixed-point numbers."""
        own = (points + 0.5) * self.scale - 0.5
        return np.asarray(np.round(own * 2**_SUBPIXEL_BITS), np.int32)

    def thickness(self, width: float, least: int = 1) -> int:
        return max(round(width * self.scale), least if self.scale == 1 else 1)

    def strokes(self, ends: Int32, colour: Rgb, thickness: int) -> None:
        """Lines (N, 2, 2) with round ends; one from a point to itself is a disc."""
        if len(ends):
            values = self.values(colour)
            cv2.polylines(
                self.pixels, [*ends], False, values, thickness, cv2.LINE_AA, _SUBPIXEL_BITS
            )


def draw(picture: Picture, persons: Sequence[DrawnPerson], caption: str) -> None:
    """Draw persons and a caption onto a picture, in place.

    Left is blue, right is orange. The thickness of lines is proportional to the picture's size; a
    dark rim makes them visible on any background.
    """
    height, width = picture.shape[:2]
    unit = max(min(height, width) / 720, 0.4)
    for canvas in _canvases(picture):
        for person in persons:
            _draw_box(canvas, person, unit, (width, height))
            _draw_skeleton(canvas, person, unit, (width, height))
        _text(canvas, caption, (round(14 * unit), round(30 * unit)), unit)


def _canvases(picture: Picture) -> list[_Canvas]:
    """One for RGB; luma and chroma one after the other."""
    if not isinstance(picture, Yuv):
        return [_Canvas(picture, 1, lambda rgb: rgb)]
    of_rgb = picture.colours.of_rgb
    return [
        _Canvas(picture.luma, 1, lambda rgb: of_rgb(rgb)[:1]),
        _Canvas(picture.chroma, 0.5, lambda rgb: of_rgb(rgb)[1:]),
    ]


def _draw_box(canvas: _Canvas, person: DrawnPerson, unit: float, size: tuple[int, int]) -> None:
    if not np.isfinite(person.box).all():
        return
    box = np.clip(np.round(person.box), 0, np.array([*size, *size]) - 1)
    first, last = canvas.at(box.reshape(2, 2))
    values = canvas.values(SIDE_RGB["centre"])
    thickness = canvas.thickness(max(round(2 * unit), 1))
    cv2.rectangle(canvas.pixels, first, last, values, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    x1, y1 = box[:2].astype(int).tolist()
    baseline = y1 - round(8 * unit) if y1 > 60 * unit else y1 + round(26 * unit)
    _text(canvas, person.label, (x1, baseline), unit)


def _draw_skeleton(
    canvas: _Canvas, person: DrawnPerson, unit: float, size: tuple[int, int]
) -> None:
    width, height = size
    skeleton, points = person.skeleton, person.keypoints
    inside = np.abs(points - [width / 2, height / 2]) < 4 * max(width, height)  # False for NaN
    shown = np.asarray(inside.all(axis=1))
    at = canvas.at(np.where(shown[:, None], points, 0.0))
    bones, joints = _by_side(skeleton)
    for lines, rim, core in ((bones, 6, 3), (joints, 11, 8)):
        seen = [(colour, ends[shown[ends].all(axis=1)]) for colour, ends in lines]
        every = at[np.concatenate([ends for _, ends in seen])]
        canvas.strokes(every, _RIM, canvas.thickness(rim * unit, 2))
        for colour, ends in seen:
            canvas.strokes(at[ends], colour, canvas.thickness(core * unit))
    rings = np.flatnonzero(shown & person.filled)
    canvas.strokes(at[np.column_stack([rings, rings])], _RIM, canvas.thickness(4 * unit))


@lru_cache(16)
def _by_side(skeleton: Skeleton) -> tuple[_Lines, _Lines]:
    """The bones and the joints of a skeleton, by the colour of their side."""
    joints = [(joint, joint) for joint in range(len(skeleton))]
    return _in_colours(skeleton, skeleton.edges), _in_colours(skeleton, joints)


def _in_colours(skeleton: Skeleton, lines: Sequence[tuple[int, int]]) -> _Lines:
    sides = [side_of(skeleton.joints[a], skeleton.joints[b]) for a, b in lines]
    ends = np.array(lines, np.int64).reshape(-1, 2)
    return tuple(
        (colour, ends[[each == side for each in sides]]) for side, colour in SIDE_RGB.items()
    )


def _text(canvas: _Canvas, text: str, baseline: tuple[int, int], unit: float) -> None:
    at = (round(baseline[0] * canvas.scale), round(baseline[1] * canvas.scale))
    size = 0.7 * unit * canvas.scale
    for colour, weight in ((_RIM, 4), (SIDE_RGB["centre"], 1.6)):
        values, thickness = canvas.values(colour), canvas.thickness(round(weight * unit))
        cv2.putText(canvas.pixels, text, at, _FONT, size, values, thickness, cv2.LINE_AA)
