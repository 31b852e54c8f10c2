"""Forward kinematics: positions of the body's points for given coordinates, and derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
        _frames_first(_Chain(body, coordinates[row : row + _ROWS_AT_ONCE], lengths_m).points)
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
    return Pose(
        _frames_first(chain.points),
        _frames_first(_by_coordinate(body, chain, columns)),
        _frames_first(chain.by_length()),
    )


def _frames_first(values: Float64) -> Float64:
    """Values (..., T) as (T, ...)."""
    return np.ascontiguousarray(np.moveaxis(values, -1, 0))


class _Chain:
    """Places the segments that carry points, from the pelvis outwards.

    Frames are the last axis of all arrays, so that NumPy calculates with long rows: each operation
    here is one of vectors (3, T).

    Attributes:
        axes: (N, 3, T) of the hinges; 0 if they move no point.
        anchors: (N, 3, T) places of the hinges; 0 if they move no point.
        points: (P, 3, T).
    """

    def __init__(self, body: Body, coordinates: Float64, lengths_m: Float64) -> None:
        self._body, self._lengths_m = body, lengths_m
        angles = np.ascontiguousarray(coordinates.T)
        cos, sin = np.cos(angles), np.sin(angles)
        self.axes = np.zeros((len(angles), 3, len(coordinates)))
        self.anchors = np.zeros_like(self.axes)
        level = list(np.repeat(np.eye(3)[..., None], len(coordinates), axis=-1))
        placed: dict[str, _Placed] = {}
        for segment in body.carriers:
            if segment.parent is None:
                at = _Placed(angles[:3], level, {})
            else:
                at = self._attached(placed[segment.parent], segment.place)
            axes = list(at.axes)
            for hinge in segment.hinges:
                column = body.index[hinge.name]
                self.axes[column] = hinge.sign * axes[hinge.axis]
                self.anchors[column] = at.origin
                first, second = (hinge.axis + 1) % 3, (hinge.axis + 2) % 3
                c, s, a, b = cos[column], hinge.sign * sin[column], axes[first], axes[second]
                axes[first], axes[second] = c * a + s * b, c * b - s * a
            placed[segment.name] = replace(at, axes=axes)
        self._points = [self._attached(placed[p.segment], p.place) for p in body.points]
        self.points: Float64 = np.stack([point.origin for point in self._points])

    def _attached(self, at: _Placed, place: Places) -> _Placed:
        """What is fixed to a segment at a place; it has the segment's axes."""
        origin, grown = at.origin, dict(at.grown)
        for name, direction in place:
            column = self._body.length_index[name]
            arm = self._lengths_m[column] * _along(direction, at.axes)
            origin = origin + arm
            grown[column] = grown[column] + arm if column in grown else arm
        return _Placed(origin, at.axes, grown)

    def by_length(self) -> Float64:
        """Derivatives (P, 3, K, T) of the points by the logarithms of the lengths."""
        points, axes, frames = self.points.shape
        result = np.zeros((points, axes, len(self._lengths_m), frames))
        for row, point in enumerate(self._points):
            for column, offset in point.grown.items():
                result[row, :, column] = offset
        return result


@dataclass(frozen=True, slots=True)
class _Placed:
    """A segment or a point."""

    origin: Float64  # (3, T)
    axes: list[Float64]  # three unit vectors (3, T)
    grown: dict[int, Float64]  # length -> the part (3, T) of the origin that it makes


def _along(direction: tuple[float, float, float], axes: list[Float64]) -> Float64:
    """The direction (3, T) in the level frame; most directions have one part."""
    first, *others = [part * axis for part, axis in zip(direction, axes, strict=True) if part]
    return sum(others, first)


def _by_coordinate(body: Body, chain: _Chain, free: NDArray[np.intp]) -> Float64:
    """Derivatives (P, 3, N, T) of the points by the free coordinates."""
    rows, columns = body.moved
    known = np.isin(columns, free)
    rows, columns = rows[known], columns[known]
    at = np.searchsorted(free, columns)
    axis = chain.axes[columns]
    arm = chain.points[rows] - chain.anchors[columns]
    points, axes, frames = chain.points.shape
    result = np.zeros((points, axes, len(free), frames))
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        result[:, k, free == k] = 1.0
        result[rows, k, at] = axis[:, i] * arm[:, j] - axis[:, j] * arm[:, i]
    return result
