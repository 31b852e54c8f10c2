"""Draws skeletons, boxes and captions onto frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from podium.render.colours import SIDE_RGB, Rgb, side_of
from podium.skeletons import Skeleton
from podium.types import Bool, Float64, UInt8

_RIM: Rgb = (20, 20, 20)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class DrawnPerson:
    """One person to draw on one frame."""

    skeleton: Skeleton
    keypoints: Float64  # (J, 2) pixels; NaN is not drawn
    filled: Bool  # (J,) interpolated, not measured: drawn as a ring
    box: Float64  # (4,) xyxy; NaN is not drawn
    label: str


def draw(picture: UInt8, persons: Sequence[DrawnPerson], caption: str) -> None:
    """Draw persons and a caption onto an RGB picture (H, W, 3), in place.

    Left is blue, right is orange. The thickness of lines is proportional to the picture's size; a
    dark rim makes them visible on any background.
    """
    unit = max(min(picture.shape[:2]) / 720, 0.4)
    for person in persons:
        _draw_box(picture, person, unit)
        _draw_skeleton(picture, person, unit)
    _text(picture, caption, (round(14 * unit), round(30 * unit)), unit)


def _draw_box(picture: UInt8, person: DrawnPerson, unit: float) -> None:
    height, width = picture.shape[:2]
    if not np.isfinite(person.box).all():
        return
    limit = np.array([width, height, width, height]) - 1
    x1, y1, x2, y2 = np.clip(np.round(person.box), 0, limit).astype(int).tolist()
    thickness = max(round(2 * unit), 1)
    cv2.rectangle(picture, (x1, y1), (x2, y2), SIDE_RGB["centre"], thickness, cv2.LINE_AA)
    baseline = y1 - round(8 * unit) if y1 > 60 * unit else y1 + round(26 * unit)
    _text(picture, person.label, (x1, baseline), unit)


def _draw_skeleton(picture: UInt8, person: DrawnPerson, unit: float) -> None:
    height, width = picture.shape[:2]
    skeleton, points = person.skeleton, person.keypoints
    inside = np.abs(points - [width / 2, height / 2]) < 4 * max(width, height)  # False for NaN
    shown = inside.all(axis=1)
    fixed = np.round(np.where(shown[:, None], points, 0.0) * 2**_SUBPIXEL_BITS).astype(int)
    at = [(int(x), int(y)) for x, y in fixed]
    edges = [edge for edge in skeleton.edges if shown[edge[0]] and shown[edge[1]]]
    for rim in (True, False):
        thickness = max(round((6 if rim else 3) * unit), 2 if rim else 1)
        for a, b in edges:
            side = SIDE_RGB[side_of(skeleton.joints[a], skeleton.joints[b])]
            colour = _RIM if rim else side
            cv2.line(picture, at[a], at[b], colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    radius = round(4 * unit * 2**_SUBPIXEL_BITS)
    for joint in np.flatnonzero(shown).tolist():
        colour = SIDE_RGB[side_of(skeleton.joints[joint])]
        hollow = max(round(2 * unit), 1) if person.filled[joint] else cv2.FILLED
        rim_radius = round(5.5 * unit * 2**_SUBPIXEL_BITS)
        cv2.circle(picture, at[joint], rim_radius, _RIM, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.circle(picture, at[joint], radius, colour, hollow, cv2.LINE_AA, _SUBPIXEL_BITS)


def _text(picture: UInt8, text: str, baseline: tuple[int, int], unit: float) -> None:
    for colour, weight in ((_RIM, 4), (SIDE_RGB["centre"], 1.6)):
        thickness = max(round(weight * unit), 1)
        cv2.putText(picture, text, baseline, _FONT, 0.7 * unit, colour, thickness, cv2.LINE_AA)
