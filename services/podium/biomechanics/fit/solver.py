"""Damped Gauss-Newton over all frames at once (Levenberg 1944, Marquardt 1963).

The normal matrix is banded: a frame is connected only to the next two. The shared unknowns make a
dense border of a few columns, which is eliminated by its Schur complement.

A longer focal length and a more distant athlete look nearly the same. So a step in the focal length
also scales the distance of the athlete: this makes the valley of the cost straight, and the steps
long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy

from podium.biomechanics.fit.beliefs import FOCAL, Columns
from podium.biomechanics.fit.residuals import Problem
from podium.biomechanics.signals.checkpoints import checkpoint
from podium.types import Float64

MAX_STEPS = 25
ENOUGH = 2e-4
"""The iteration ends after a step that lowers the cost by less than this share."""
MAX_DAMPING = 1e8
MORE_DAMPING, LESS_DAMPING = 3.0, 10.0
"""After a step that raises the cost, and after one that lowers it. Raising it little finds the long
steps along a curved valley (delayed gratification, Transtrum and Sethna 2012)."""
_FRAMES_AT_ONCE = 128
"""Their rows stay in the processor's cache, and take little memory in long clips."""
DEPTH = 2
"""Column of the depth coordinate, which is nearly ambiguous with the focal length."""


@dataclass(frozen=True, slots=True)
class System:
    """Normal equations; ``band[k, i]`` is element (i + k, i) of the matrix of the coordinates."""

    band: Float64  # (2 N + 1, T N), column by column in memory, as LAPACK has it
    border: Float64  # (T N, S)
    corner: Float64  # (S, S)
    gradient: Float64  # (T N,)
    shared_gradient: Float64  # (S,)

    @property
    def width(self) -> int:
        """N."""
        return (len(self.band) - 1) // 2


@dataclass(frozen=True, slots=True)
class Solution:
    """The result of the iteration."""

    coordinates: Float64  # (T, N)
    shared: Float64  # (S,)
    cost: float
    steps: int
    converged: bool


def solve(
    problem: Problem, coordinates: Float64, shared: Float64, *, max_steps: int = MAX_STEPS
) -> Solution:
    """Minimise from a start; only the problem's free unknowns change."""
    cost = problem.cost(coordinates, shared)
    damping = problem.weights.damping
    for step in range(1, max_steps + 1):
        checkpoint()
        system = normal_equations(problem, coordinates, shared)
        while True:
            step_of_all = _step(system, damping)
            with np.errstate(over="ignore", invalid="ignore"):  # a step too far is not taken
                trial, trial_shared = _moved(problem, coordinates, shared, *step_of_all)
                trial_cost = problem.cost(trial, trial_shared)
            if trial_cost < cost:
                break
            damping = max(damping, 1e-6) * MORE_DAMPING
            if damping > MAX_DAMPING:
                return Solution(coordinates, shared, cost, step, converged=True)
        gain = (cost - trial_cost) / max(cost, 1e-12)
        coordinates, shared, cost = trial, trial_shared, trial_cost
        if gain < ENOUGH:
            return Solution(coordinates, shared, cost, step, converged=True)
        damping = max(damping / LESS_DAMPING, 1e-9)
    return Solution(coordinates, shared, cost, max_steps, converged=False)


def _moved(
    problem: Problem, coordinates: Float64, shared: Float64, move: Float64, shared_move: Float64
) -> tuple[Float64, Float64]:
    """Coordinates and shared unknowns after a step."""
    trial, trial_shared = coordinates.copy(), shared.copy()
    trial_shared[problem.shared_free] += shared_move
    if FOCAL in problem.shared_free and DEPTH in problem.free:
        trial[:, DEPTH] *= np.exp(trial_shared[FOCAL] - shared[FOCAL])
    trial[:, problem.free] += move.reshape(len(trial), -1)
    return trial, trial_shared


def normal_equations(problem: Problem, coordinates: Float64, shared: Float64) -> System:
    """Gauss-Newton's normal equations at a point."""
    frames, width = len(coordinates), len(problem.free)
    columns = np.zeros((frames, width, 2 * width + 1))  # of the band
    blocks = np.zeros((frames, width, width))
    border = np.zeros((frames, width, len(problem.shared_free)))
    gradient = np.zeros((frames, width))
    corner = np.zeros((len(problem.shared_free),) * 2)
    shared_gradient = np.zeros(len(problem.shared_free))

    one, two = slice(0, width), slice(width, 2 * width)
    for start in range(0, frames, _FRAMES_AT_ONCE):
        stop = min(start + _FRAMES_AT_ONCE, frames)
        near = slice(start, min(stop + 1, frames))  # with the later frame of the last pair
        rows, pairs = problem.part(near).rows(coordinates[near], shared)
        own = slice(start, stop)
        product = _squares(rows.joined[: stop - start])
        blocks[own] += product[:, one, one]
        border[own] += product[:, one, width:-1]
        gradient[own] += product[:, one, -1]
        corner += product[:, width:-1, width:-1].sum(axis=0)
        shared_gradient += product[:, width:-1, -1].sum(axis=0)
        product = _squares(pairs.joined)
        at = pairs.first + start
        for where, part in ((at, one), (at + 1, two)):  # no frame occurs twice in either
            blocks[where] += product[:, part, part]
            border[where] += product[:, part, 2 * width : -1]
            gradient[where] += product[:, part, -1]
        corner += product[:, 2 * width : -1, 2 * width : -1].sum(axis=0)
        shared_gradient += product[:, 2 * width : -1, -1].sum(axis=0)
        for column in range(width):
            low = width - column
            columns[at, column, low : low + width] += product[:, two, column]

    prior = problem.prior_rows[:, problem.free]
    blocks = blocks + prior.T @ prior
    gradient += np.einsum("tl,ln->tn", problem.off_priors(coordinates), prior)
    over, slope = problem.beyond_limits(coordinates)
    at = np.arange(width)
    blocks[:, at, at] += slope[:, problem.free] ** 2
    gradient += (over * slope)[:, problem.free]
    for column in range(width):
        columns[:, column, : width - column] += blocks[:, column:, column]
    _add_smoothness(problem, coordinates, columns, gradient)

    off = shared - problem.shared_mean
    size, moving = problem.size_row, problem.shared_free
    system = System(
        columns.reshape(frames * width, -1).T,
        border.reshape(frames * width, -1),
        corner + (np.diag(problem.shared_sd**-2.0) + np.outer(size, size))[np.ix_(moving, moving)],
        gradient.reshape(-1),
        shared_gradient + (off / problem.shared_sd**2 + size * (size @ off))[moving],
    )
    return _with_lever(problem, system, coordinates)


def _squares(rows: Float64) -> Float64:
    """Each (R, C) of (T, R, C), transposed, times itself.

    Products of few frames, as those of many would start the threads of BLAS.
    """
    return np.asarray(np.swapaxes(rows, 1, 2) @ rows)


def _with_lever(problem: Problem, system: System, coordinates: Float64) -> System:
    """The system in which a step in the focal length also changes the athlete's depth."""
    column = np.flatnonzero(problem.shared_free == FOCAL)
    depth = np.flatnonzero(problem.free == DEPTH)
    if not len(column) or not len(depth):
        return system
    at = depth[0] + system.width * np.arange(len(coordinates))
    along = coordinates[:, DEPTH]
    pushed = _times(system.band, at, along)
    border, corner = system.border.copy(), system.corner.copy()
    gradient = system.shared_gradient.copy()
    coupling = along @ system.border[at]
    corner[column[0], :] += coupling
    corner[:, column[0]] += coupling
    corner[column[0], column[0]] += along @ pushed[at]
    border[:, column[0]] += pushed
    gradient[column[0]] += along @ system.gradient[at]
    return System(system.band, border, corner, system.gradient, gradient)


def _times(band: Float64, at: Columns, values: Float64) -> Float64:
    """The symmetric matrix of a lower band, times a vector of these values and zeros elsewhere."""
    size, far = band.shape[1], np.arange(len(band))
    below, above = at[:, None] + far, at[:, None] - far[1:]
    low, high = below < size, above >= 0
    by_column = band[:, at].T * values[:, None]
    by_row = band[far[1:], np.maximum(above, 0)] * values[:, None]
    product = np.bincount(below[low], by_column[low], size)
    product += np.bincount(above[high], by_row[high], size)
    return np.asarray(product, np.float64)


def _add_smoothness(
    problem: Problem, coordinates: Float64, columns: Float64, gradient: Float64
) -> None:
    smooth, width = problem.smooth.columns(problem.free), len(problem.free)
    residual = smooth.residual(coordinates[:, problem.free])
    gradient += smooth.at * residual
    gradient[:-1] += (smooth.before * residual)[1:]
    gradient[1:] += (smooth.after * residual)[:-1]
    columns[..., 0] += smooth.at**2
    columns[:-1, :, 0] += smooth.before[1:] ** 2
    columns[1:, :, 0] += smooth.after[:-1] ** 2
    one = (smooth.before * smooth.at)[1:] + (smooth.at * smooth.after)[:-1]
    columns[:-1, :, width] += one
    columns[:-2, :, 2 * width] += (smooth.before * smooth.after)[1:-1]


def _step(system: System, damping: float) -> tuple[Float64, Float64]:
    """Solve the damped equations: moves of the coordinates (T N,) and of the shared unknowns (S,).

    With the Cholesky factor L of the band, only L is solved for the border, and its transpose for
    one column.
    """
    low = _factor(system, damping)
    half = _solved(low, np.column_stack([system.border, system.gradient]))
    product = _squares(half.reshape(-1, system.width, half.shape[1])).sum(axis=0)
    corner = system.corner + np.diag(damping * np.diag(system.corner))
    right = system.shared_gradient - product[:-1, -1]
    shared = np.asarray(-np.linalg.solve(corner - product[:-1, :-1], right), np.float64)
    return -_solved(low, half @ np.append(shared, 1.0), "T"), shared


def _factor(system: System, damping: float) -> Float64:
    """The lower Cholesky factor of the damped band."""
    band = system.band.copy(order="F")
    band[0] *= 1 + damping
    band[0] += 1e-9
    return np.asarray(
        scipy.linalg.cholesky_banded(band, lower=True, overwrite_ab=True, check_finite=False)
    )


def _solved(low: Float64, right: Float64, transposed: Literal["N", "T"] = "N") -> Float64:
    """The solution of a banded lower triangular system, or of its transpose."""
    solved, _ = scipy.linalg.lapack.dtbtrs(low, right, uplo="L", trans=transposed)
    return np.asarray(solved)
