"""Forward kinematics: positions of the body's points for given coordinates, and derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.biomechanics.fit.model import Body, Places
from podium.types import Float64

_ROWS_AT_ONCE = 1024
"""Long clips are computed in parts, as the chain needs about 10 kB per frame."""


@dataclass(frozen=True, slots=True)
class Pose:
    """The body over T frames; P points, N of the coordinates, K lengths.

    The derivatives are exact: a hinge moves a point by the cross product of its axis with the
    arm from the hinge to the point.
    """

    points: Float64  # (T, P, 3) metres, level frame
    by_coordinate: Float64  # (T, P, 3, N)
    by_length: Float64  # (T, P, 3, K) by the logarithms of the lengths


def positions(body: Body, coordinates: Float64, lengths_m: Float64) -> Float64:
    """Positions of the points (T, P, 3) for coordinates (T, N) and lengths (K,) in metres."""
    parts = [
        _Chain(body, coordinates[row : row + _ROWS_AT_ONCE], lengths_m).points
        for row in range(0, max(len(coordinates), 1), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def pose(
    body: Body, coordinates: Float64, lengths_m: Float64, free: NDArray[np.intp] | None = None
) -> Pose:
    """Positions of the points, and their derivatives by ``free`` coordinates and by lengths.

    ``free`` ascends; None: all coordinates.
    """
    chain = _Chain(body, coordinates, lengths_m)
    columns = np.arange(coordinates.shape[1]) if free is None else free
    by_coordinate = _by_coordinate(body, chain.points, chain.axes, chain.anchors, columns)
    return Pose(chain.points, by_coordinate, chain.by_length)


class _Chain:
    """Places the segments in order, from the pelvis outwards."""

    def __init__(self, body: Body, coordinates: Float64, lengths_m: Float64) -> None:
        frames = len(coordinates)
        turns: dict[str, Float64] = {}
        grown: dict[str, Float64] = {}  # (T, 3, K) offset of the origin by each length
        self.axes = np.zeros((frames, len(body.coordinates), 3))
        self.anchors = np.zeros((frames, len(body.coordinates), 3))
        root = coordinates[:, :3]
        for segment in body.segments:
            if segment.parent is None:
                turn = np.broadcast_to(np.eye(3), (frames, 3, 3)).copy()
                reach = np.zeros((frames, 3, len(body.lengths)))
            else:
                turn = turns[segment.parent].copy()
                reach = grown[segment.parent] + _arms(body, segment.place, turn, lengths_m)
            origin = root + reach.sum(axis=-1)
            for hinge in segment.hinges:
                column = body.index[hinge.name]
                self.axes[:, column] = hinge.sign * turn[:, :, hinge.axis]
                self.anchors[:, column] = origin
                _rotate(turn, hinge.axis, hinge.sign * coordinates[:, column])
            turns[segment.name], grown[segment.name] = turn, reach
        reaches = [
            grown[point.segment] + _arms(body, point.place, turns[point.segment], lengths_m)
            for point in body.points
        ]
        self.by_length = np.stack(reaches, axis=1)
        self.points: Float64 = root[:, None] + self.by_length.sum(axis=-1)


def _arms(body: Body, place: Places, turn: Float64, lengths_m: Float64) -> Float64:
    """Offsets (T, 3, K) by each length, in the level frame."""
    arms = np.zeros((len(turn), 3, len(body.lengths)))
    for name, direction in place:
        column = body.length_index[name]
        arms[:, :, column] += lengths_m[column] * (turn @ np.array(direction))
    return arms


def _rotate(turn: Float64, axis: int, angle: Float64) -> None:
    """Rotate the frames (T, 3, 3) about one of their own axes, in place."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = turn[:, :, first].copy(), turn[:, :, second].copy()
    turn[:, :, first] = cos * a + sin * b
    turn[:, :, second] = cos * b - sin * a


def _by_coordinate(
    body: Body, points: Float64, axes: Float64, anchors: Float64, free: NDArray[np.intp]
) -> Float64:
    rows, columns = body.moved
    known = np.isin(columns, free)
    rows, columns = rows[known], columns[known]
    at = np.searchsorted(free, columns)
    axis = axes[:, columns]
    arm = points[:, rows] - anchors[:, columns]
    result = np.zeros((*points.shape, len(free)))
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        result[:, :, k, free == k] = 1.0
        result[:, rows, k, at] = axis[..., i] * arm[..., j] - axis[..., j] * arm[..., i]
    return result
