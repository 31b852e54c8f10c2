"""The cost of the fit: a sum of squares over frames, and its exact first derivatives.

Unknowns are the coordinates (T, N) and those shared by the whole clip (S,), see ``beliefs``. Terms:

- picture: projected points minus key points (robust, pseudo-Huber);
- space: landmarks, rotated and scaled, minus points, both relative to the mid-hip;
- floor: height of standing points above the floor, of heel over ball where both feet stand flat,
  and velocity of standing points (robust);
- smoothness: second differences of the coordinates over true times;
- beliefs: priors and limits of joint angles, of lengths and of the camera.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from podium.biomechanics.fit.beliefs import (
    FLOOR,
    FOCAL,
    LENGTHS,
    PITCH,
    SPACE_PITCH,
    SPACE_SCALE,
    SPACE_YAW,
    Columns,
    limits,
    priors,
    second_differences,
    size_row,
    slides,
    space_sd,
    usual_shared,
)
from podium.biomechanics.fit.camera import pixels_of, project
from podium.biomechanics.fit.contacts import CONTACT_POINTS
from podium.biomechanics.fit.kinematics import Pose, pose, positions
from podium.biomechanics.fit.model import SIDES, Body
from podium.biomechanics.fit.observations import Observations
from podium.biomechanics.fit.weights import Weights
from podium.types import Bool, Float64


@dataclass(frozen=True, slots=True)
class Rows:
    """Weighted residuals and their derivatives by the free unknowns, frame by frame.

    Attributes:
        joined: (T, R, N + S + 1) derivatives by coordinates, by shared unknowns; residuals.
        width: N.
    """

    joined: Float64
    width: int

    @property
    def residual(self) -> Float64:
        """(T, R)."""
        return self.joined[..., -1]

    @property
    def by_coordinate(self) -> Float64:
        """(T, R, N)."""
        return self.joined[..., : self.width]

    @property
    def by_shared(self) -> Float64:
        """(T, R, S)."""
        return self.joined[..., self.width : -1]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Weighted residuals that connect a frame to the next one.

    Attributes:
        first: (K,) the earlier frame.
        joined: (K, R, 2 N + S + 1) derivatives by the coordinates of the earlier and of the later
            frame, by shared unknowns; residuals.
        width: N.
    """

    first: Columns
    joined: Float64
    width: int

    @property
    def residual(self) -> Float64:
        """(K, R)."""
        return self.joined[..., -1]

    @property
    def by_first(self) -> Float64:
        """(K, R, N)."""
        return self.joined[..., : self.width]

    @property
    def by_second(self) -> Float64:
        """(K, R, N)."""
        return self.joined[..., self.width : 2 * self.width]


class Problem:
    """The optimisation problem of one athlete: observations and priors.

    Args:
        body: The model.
        seen: The observations.
        standing: (T, C) contact points that stand on the ground.
        weights: Standard deviations of all terms.
        flat: (T,) frames on which the soles of both feet are level; None: none is known.
        liveliness: Speed of the motion relative to walking.
        free: Free coordinates; None: all.
        shared_free: Free shared unknowns; None: all.
    """

    def __init__(
        self,
        body: Body,
        seen: Observations,
        standing: Bool,
        weights: Weights,
        *,
        flat: Bool | None = None,
        liveliness: float = 1.0,
        free: Columns | None = None,
        shared_free: Columns | None = None,
    ) -> None:
        self.weights = weights
        self.shared_mean, self.shared_sd = usual_shared(body, seen, weights)
        self.free = np.arange(len(body.coordinates)) if free is None else free
        self.shared_free = np.arange(len(self.shared_mean)) if shared_free is None else shared_free
        self.size_row = size_row(body, weights)
        self.smooth = second_differences(body, seen, weights, liveliness)
        self.prior_rows, self.prior_values = priors(body, weights)
        self.limits = limits(body)
        used = np.flatnonzero(seen.weight.any(axis=0))
        scale = weights.image * seen.height_px[:, None]
        self._image = (np.sqrt(seen.weight) / scale)[:, used]
        self._space = (seen.space_weight[..., None] / space_sd(body, weights))[:, used]
        self._pixels, self._landmarks = seen.pixels[:, used], seen.space[:, used]
        flat = np.zeros(len(seen), bool) if flat is None else flat
        soles = flat[:, None] / np.full(len(SIDES), weights.sole_m)
        self._standing = np.concatenate([standing / weights.floor_m, soles], axis=1)
        self._heights, self._over_floor = _floor_rows()
        moves = slides(seen, standing, weights)
        feet = CONTACT_POINTS
        if not self._standing.any():  # as in the fit of the arms: there are no such terms
            feet = ()
            self._heights, self._over_floor = self._heights[:0, :0], self._over_floor[:0]
            self._standing, moves = self._standing[:, :0], moves[:, :0]
        self._pairs = np.flatnonzero(moves.any(axis=1))
        self._slides = moves[self._pairs]
        hips = tuple(f"{side}_hip" for side in SIDES)
        names = dict.fromkeys((*(body.points[i].name for i in used), *hips, *feet))
        self._body = body.with_points(names)  # the observed ones come first
        self._used = slice(len(used))
        self._hips, self._feet = (
            [self._body.point_index[name] for name in group] for group in (hips, feet)
        )

    def cost(self, coordinates: Float64, shared: Float64) -> float:
        """Half of the robust sum of squares."""
        robust = self.weights.robust
        points = positions(self._body, coordinates, np.exp(shared[LENGTHS:]))
        shots = pixels_of(points[:, self._used], np.exp(shared[FOCAL]), shared[PITCH])
        off = (shots - self._pixels) * self._image[..., None]
        total = _robust_sum(np.sum(off**2, axis=-1), robust)
        space = (self._turned(shared)[0] - self._around_hips(points)) * self._space
        total += float(np.sum(space**2))
        level = self._off_floor(points, shared) * self._standing
        total += _robust_sum(level**2, robust)
        total += _robust_sum(np.sum(self._slide(points) ** 2, axis=-1), robust)
        total += float(np.sum(self.smooth.residual(coordinates) ** 2))
        total += float(np.sum(self.off_priors(coordinates) ** 2))
        total += float(np.sum(self.beyond_limits(coordinates)[0] ** 2))
        away = shared - self.shared_mean
        total += float(np.sum((away / self.shared_sd) ** 2) + (self.size_row @ away) ** 2)
        return total / 2

    def part(self, frames: slice) -> Problem:
        """The rows of some consecutive frames."""
        part = copy.copy(self)
        part._image, part._space = self._image[frames], self._space[frames]
        part._pixels, part._landmarks = self._pixels[frames], self._landmarks[frames]
        part._standing = self._standing[frames]
        pairs = slice(*np.searchsorted(self._pairs, [frames.start, frames.stop - 1]).tolist())
        part._pairs, part._slides = self._pairs[pairs] - frames.start, self._slides[pairs]
        return part

    def rows(self, coordinates: Float64, shared: Float64) -> tuple[Rows, Pairs]:
        """Residuals of picture, space and floor with derivatives, robust weights applied."""
        at = pose(self._body, coordinates, np.exp(shared[LENGTHS:]), self.free)
        seen, standing = 2 * self._pixels.shape[1], len(self._heights)
        deep = 3 * self._pixels.shape[1]
        width = len(self.free)
        joined = np.empty((len(at.points), seen + deep + standing, self._columns))
        self._in_picture(at, shared, joined[:, :seen])
        self._in_space(at, shared, joined[:, seen : seen + deep])
        self._on_floor(at, shared, joined[:, seen + deep :])
        return Rows(joined, width), self._sliding(at)

    @property
    def _columns(self) -> int:
        return len(self.free) + len(self.shared_free) + 1

    def off_priors(self, coordinates: Float64) -> Float64:
        """Residuals (T, L) of the priors of the coordinates."""
        product = np.einsum("tn,ln->tl", coordinates, self.prior_rows)  # starts no threads of BLAS
        return np.asarray(product - self.prior_values)

    def beyond_limits(self, coordinates: Float64) -> tuple[Float64, Float64]:
        """Weighted excess of coordinates over their limits, and the weights; (T, N) each."""
        sd = np.radians(self.weights.limit_deg)
        low, high = self.limits
        over = (np.maximum(coordinates - high, 0) - np.maximum(low - coordinates, 0)) / sd
        return over, np.where(over != 0, 1 / sd, 0.0)

    def _in_picture(self, at: Pose, shared: Float64, rows: Float64) -> None:
        used = self._used
        shots = project(at.points[:, used], np.exp(shared[FOCAL]), shared[PITCH])
        off = shots.pixels - self._pixels
        squares = np.sum((off * self._image[..., None]) ** 2, axis=-1)
        weight = (self._image * _robust(squares, self.weights.robust))[..., None]
        by_shared = np.zeros((*off.shape, len(shared)))
        by_shared[..., FOCAL] = shots.by_log_focal
        by_shared[..., PITCH] = shots.by_pitch
        by_shared[..., LENGTHS:] = shots.by_point @ at.by_length[:, used]
        by_coordinate = shots.by_point @ at.by_coordinate[:, used]
        _weighted(weight, (by_coordinate, by_shared[..., self.shared_free], off), rows)

    def _turned(self, shared: Float64) -> tuple[Float64, Float64]:
        """The landmarks, rotated and scaled, and their derivative by the pitch."""
        cos, sin = np.cos(shared[SPACE_PITCH]), np.sin(shared[SPACE_PITCH])
        pitch = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
        by_pitch = np.array([[0.0, 0.0, 0.0], [0.0, -sin, -cos], [0.0, cos, -sin]])
        cos, sin = np.cos(shared[SPACE_YAW]), np.sin(shared[SPACE_YAW])
        yaw = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
        space = np.exp(shared[SPACE_SCALE]) * self._landmarks
        return space @ (yaw @ pitch).T, space @ (yaw @ by_pitch).T

    def _around_hips(self, values: Float64) -> Float64:
        """Values (T, P, ...) of the used points, minus those of the mid-hip."""
        right, left = self._hips
        middle = (values[:, right, None] + values[:, left, None]) / 2
        return np.asarray(values[:, self._used] - middle)

    def _in_space(self, at: Pose, shared: Float64, rows: Float64) -> None:
        turned, pitched = self._turned(shared)
        by_shared = np.zeros((*turned.shape, len(shared)))
        by_shared[..., SPACE_PITCH] = pitched
        by_shared[..., 0, SPACE_YAW] = turned[..., 2]
        by_shared[..., 2, SPACE_YAW] = -turned[..., 0]
        by_shared[..., SPACE_SCALE] = turned
        by_shared[..., LENGTHS:] = -self._around_hips(at.by_length)
        by_coordinate = -self._around_hips(at.by_coordinate)
        off = turned - self._around_hips(at.points)
        _weighted(self._space, (by_coordinate, by_shared[..., self.shared_free], off), rows)

    def _on_floor(self, at: Pose, shared: Float64, rows: Float64) -> None:
        off = self._off_floor(at.points, shared)
        weight = self._standing * _robust((off * self._standing) ** 2, self.weights.robust)
        by_shared = np.zeros((*off.shape, len(shared)))
        by_shared[..., FLOOR] = -self._over_floor
        by_shared[..., LENGTHS:] = self._heights @ at.by_length[:, self._feet, 1]
        by_coordinate = self._heights @ at.by_coordinate[:, self._feet, 1]
        _weighted(weight, (by_coordinate, by_shared[..., self.shared_free], off), rows)

    def _off_floor(self, points: Float64, shared: Float64) -> Float64:
        """Heights (T, C) of the contact points over the floor, then of heels over balls (T, 2)."""
        heights = points[:, self._feet, 1] @ self._heights.T
        return np.asarray(heights - shared[FLOOR] * self._over_floor)

    def _slide(self, points: Float64) -> Float64:
        """Weighted velocities (K, C, 3) of points that stand on two consecutive frames."""
        moved = points[self._pairs + 1][:, self._feet] - points[self._pairs][:, self._feet]
        return np.asarray(moved * self._slides[..., None])

    def _sliding(self, at: Pose) -> Pairs:
        slide = self._slide(at.points)
        robust = _robust(np.sum(slide**2, axis=-1), self.weights.robust)[..., None]
        first, second = self._pairs, self._pairs + 1
        by = at.by_coordinate[:, self._feet]
        grown = at.by_length[:, self._feet]
        by_shared = np.zeros((*slide.shape, len(self.shared_mean)))
        by_shared[..., LENGTHS:] = grown[second] - grown[first]
        moved = at.points[second][:, self._feet] - at.points[first][:, self._feet]
        width = len(self.free)
        joined = np.empty((len(first), 3 * len(self._feet), width + self._columns))
        parts = (-by[first], by[second], by_shared[..., self.shared_free], moved)
        _weighted(self._slides[..., None] * robust, parts, joined)
        return Pairs(first, joined, width)


def _floor_rows() -> tuple[Float64, Float64]:
    """Heights of the floor term, from those of the contact points; and which are over the floor."""
    points = np.eye(len(CONTACT_POINTS))
    at = CONTACT_POINTS.index
    soles = [points[at(f"{side}_heel")] - points[at(f"{side}_ball")] for side in SIDES]
    return np.array([*points, *soles]), np.repeat([1.0, 0.0], [len(points), len(soles)])


def _weighted(weight: Float64, parts: tuple[Float64, ...], rows: Float64) -> None:
    """Write derivatives (T, A, B, ...) and residuals (T, A, B) times weights to rows (T, A * B)."""
    *derivatives, off = parts
    into = rows.reshape(*off.shape, rows.shape[-1])
    factor = np.broadcast_to(weight, off.shape)[..., None]
    start = 0
    for by in (*derivatives, off[..., None]):
        stop = start + by.shape[-1]
        np.multiply(by, factor, out=into[..., start:stop])
        start = stop


def _robust(squares: Float64, limit: float) -> Float64:
    """Square roots of the weights of a pseudo-Huber loss."""
    return np.asarray((1 + squares / limit**2) ** -0.25)


def _robust_sum(squares: Float64, limit: float) -> float:
    return float(np.sum(2 * limit**2 * (np.sqrt(1 + squares / limit**2) - 1)))
