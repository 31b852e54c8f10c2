"""Draws skeletons, boxes and captions onto frames.

All strokes of one look are one call of OpenCV. It lets go of the interpreter's lock in every call,
and may have to wait for it again behind the thread that measures the clip.
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
"""A colour, and the joints (N, 2) at both ends of each line that has it, or (N, 1) of each disc."""


@dataclass(frozen=True, slots=True)
class DrawnPerson:
    """One person to draw on one frame."""

    skeleton: Skeleton
    keypoints: Float64  # (J, 2) pixels; NaN is not drawn
    filled: Bool  # (J,) interpolated, not measured: drawn as a ring
    box: Float64  # (4,) xyxy; NaN is not drawn
    label: str


@dataclass(frozen=True, slots=True)
class _Strokes:
    """Lines of one look, drawn together."""

    colour: Rgb
    width: float
    least: int  # thickness where the picture is small
    points: Float64  # (N, 2, 2) ends of lines, with round caps, or (N, 1, 2) middles of discs


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Pixels to draw on, which may be coarser than the picture."""

    pixels: UInt8  # (H, W) or (H, W, C)
    scale: float  # size of the pixels / size of the picture
    is_smooth: bool  # whether edges are
    values: Callable[[Rgb], Sequence[float]]  # what a colour is in these pixels

    def at(self, points: Float64) -> Int32:
        """Points (..., 2) of the picture, in OpenCV's fixed-point numbers."""
        own = (points + 0.5) * self.scale - 0.5
        return np.asarray(np.round(own * 2**_SUBPIXEL_BITS), np.int32)

    def edges_of(self, colour: Rgb) -> int:
        """OpenCV's type of lines; smooth ones take three times as long, rims do without."""
        return cv2.LINE_AA if self.is_smooth and colour != _RIM else cv2.LINE_8

    def thickness(self, width: float, least: int = 1) -> int:
        return max(round(width * self.scale), least if self.scale == 1 else 1)

    def draw(self, strokes: _Strokes) -> None:
        values = self.values(strokes.colour)
        thickness = self.thickness(strokes.width, strokes.least)
        lines, is_closed = [*self.at(strokes.points)], strokes.points.shape[1] == 1
        # A closed line of one point is a disc; an open one from a point to itself would be two.
        edges = self.edges_of(strokes.colour)
        cv2.polylines(self.pixels, lines, is_closed, values, thickness, edges, _SUBPIXEL_BITS)

    def write(self, text: str, baseline: tuple[int, int], unit: float) -> None:
        at = (round(baseline[0] * self.scale), round(baseline[1] * self.scale))
        size = 0.7 * unit * self.scale
        for colour, weight in ((_RIM, 4), (SIDE_RGB["centre"], 1.6)):
            values, thickness = self.values(colour), self.thickness(round(weight * unit))
            edges = self.edges_of(colour)
            cv2.putText(self.pixels, text, at, _FONT, size, values, thickness, edges)


def draw(picture: Picture, persons: Sequence[DrawnPerson], caption: str) -> None:
    """Draw persons and a caption onto a picture, in place.

    Left is blue, right is orange. The thickness of lines is proportional to the picture's size; a
    dark rim makes them visible on any background.
    """
    height, width = picture.shape[:2]
    unit = max(min(height, width) / 720, 0.4)
    skeletons = [_skeleton(person, unit, (width, height)) for person in persons]
    for canvas in _canvases(picture):
        for person, strokes in zip(persons, skeletons, strict=True):
            _draw_box(canvas, person, unit, (width, height))
            for each in strokes:
                canvas.draw(each)
        canvas.write(caption, (round(14 * unit), round(30 * unit)), unit)


def _canvases(picture: Picture) -> list[_Canvas]:
    """One for RGB; luma, Cb and Cr one after the other. The eye sees the edges of luma alone."""
    if not isinstance(picture, Yuv):
        return [_Canvas(picture, 1, True, lambda rgb: rgb)]

    def of_rgb(rgb: Rgb) -> list[int]:
        return [round(value) for value in picture.colours.of_rgb(rgb)]

    return [
        _Canvas(picture.luma, 1, True, lambda rgb: of_rgb(rgb)[:1]),
        _Canvas(picture.chroma[0], 0.5, False, lambda rgb: of_rgb(rgb)[1:2]),
        _Canvas(picture.chroma[1], 0.5, False, lambda rgb: of_rgb(rgb)[2:]),
    ]


def _draw_box(canvas: _Canvas, person: DrawnPerson, unit: float, size: tuple[int, int]) -> None:
    if not np.isfinite(person.box).all():
        return
    box = np.clip(np.round(person.box), 0, np.array([*size, *size]) - 1)
    first, last = canvas.at(box.reshape(2, 2))
    values = canvas.values(SIDE_RGB["centre"])
    thickness = canvas.thickness(max(round(2 * unit), 1))
    edges = canvas.edges_of(SIDE_RGB["centre"])
    cv2.rectangle(canvas.pixels, first, last, values, thickness, edges, _SUBPIXEL_BITS)
    x1, y1 = box[:2].astype(int).tolist()
    baseline = y1 - round(8 * unit) if y1 > 60 * unit else y1 + round(26 * unit)
    canvas.write(person.label, (x1, baseline), unit)


def _skeleton(person: DrawnPerson, unit: float, size: tuple[int, int]) -> list[_Strokes]:
    """What is drawn of the key points, in order."""
    width, height = size
    points = person.keypoints
    inside = np.abs(points - [width / 2, height / 2]) < 4 * max(width, height)  # False for NaN
    shown = np.asarray(inside.all(axis=1))
    strokes: list[_Strokes] = []
    for lines, rim, core in zip(_by_side(person.skeleton), (6, 11), (3, 8), strict=True):
        seen = [(colour, points[ends[shown[ends].all(axis=1)]]) for colour, ends in lines]
        every = np.concatenate([ends for _, ends in seen])
        strokes.append(_Strokes(_RIM, rim * unit, 2, every))
        strokes += [_Strokes(colour, core * unit, 1, ends) for colour, ends in seen]
    rings = np.flatnonzero(shown & person.filled)
    strokes.append(_Strokes(_RIM, 4 * unit, 1, points[rings, None]))
    return [each for each in strokes if len(each.points)]


@lru_cache(16)
def _by_side(skeleton: Skeleton) -> tuple[_Lines, _Lines]:
    """The bones and the joints of a skeleton, by the colour of their side."""
    joints = np.arange(len(skeleton), dtype=np.int64)[:, None]
    edges = np.array(skeleton.edges, np.int64).reshape(-1, 2)
    return _in_colours(skeleton, edges), _in_colours(skeleton, joints)


def _in_colours(skeleton: Skeleton, ends: Int64) -> _Lines:
    sides = [side_of(*(skeleton.joints[joint] for joint in line)) for line in ends.tolist()]
    return tuple(
        (colour, ends[[each == side for each in sides]]) for side, colour in SIDE_RGB.items()
    )
