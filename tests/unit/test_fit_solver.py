"""The fit's derivatives against differences, and its banded algebra against dense matrices."""

import numpy as np
import pytest
import scipy

from podium.biomechanics.fit.beliefs import FOCAL, LENGTHS
from podium.biomechanics.fit.camera import project
from podium.biomechanics.fit.contacts import CONTACT_POINTS
from podium.biomechanics.fit.kinematics import pose, positions
from podium.biomechanics.fit.model import BODY
from podium.biomechanics.fit.observations import lens_of, observe
from podium.biomechanics.fit.residuals import Problem
from podium.biomechanics.fit.solver import normal_equations
from podium.biomechanics.fit.spread import variances
from podium.biomechanics.fit.weights import WEIGHTS
from tests.unit.moving_body import LENGTHS_M, SIZE, walk

STEP = 1e-6


def differences(function, at):
    """(..., N) central differences by every component of a vector."""
    columns = []
    for k in range(len(at)):
        move = np.zeros(len(at))
        move[k] = STEP
        columns.append((function(at + move) - function(at - move)) / (2 * STEP))
    return np.stack(columns, axis=-1)


@pytest.fixture(name="coordinates")
def fixture_coordinates():
    rng = np.random.default_rng(1)
    values = 0.5 * rng.standard_normal((1, len(BODY.coordinates)))
    values[:, 2] -= 4
    return values


def test_points_by_coordinates_and_lengths(coordinates):
    at = pose(BODY, coordinates, LENGTHS_M)
    by_coordinate = differences(lambda q: positions(BODY, q[None], LENGTHS_M)[0], coordinates[0])
    np.testing.assert_allclose(at.by_coordinate[0], by_coordinate, atol=1e-8)
    by_length = differences(
        lambda logs: positions(BODY, coordinates, np.exp(logs))[0], np.log(LENGTHS_M)
    )
    np.testing.assert_allclose(at.by_length[0], by_length, atol=1e-8)


def test_pixels_by_point_focal_length_and_pitch():
    point = np.array([0.3, -0.8, -3.0])
    shot = project(point, 900.0, 0.1)

    def pixels(unknowns):
        return project(unknowns[:3], np.exp(unknowns[3]), unknowns[4]).pixels

    by = differences(pixels, np.array([*point, np.log(900.0), 0.1]))
    np.testing.assert_allclose(shot.by_point, by[:, :3], rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(shot.by_log_focal, by[:, 3], rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(shot.by_pitch, by[:, 4], rtol=1e-6, atol=1e-5)


@pytest.fixture(name="problem")
def fixture_problem():
    seen = walk(frames=6, noise_px=1.0)
    observed = observe(
        BODY,
        seen.skeleton,
        seen.keypoints,
        seen.scores,
        seen.time_s,
        lens=lens_of(SIZE, None),
        landmarks_m=seen.landmarks,
        stature_m=None,
    )
    standing = np.zeros((6, len(CONTACT_POINTS)), bool)
    standing[1:5, :3] = True
    flat = np.arange(6) > 2
    return Problem(BODY, observed, standing, WEIGHTS, flat=flat), seen.values


def test_gradient_is_that_of_the_cost(problem):
    """Over all terms at once, robust ones included; the focal length moves the depth along."""
    problem, truth = problem
    rng = np.random.default_rng(2)
    coordinates = truth + 0.05 * rng.standard_normal(truth.shape)
    shared = problem.shared_mean + 0.02 * rng.standard_normal(len(problem.shared_mean))
    system = normal_equations(problem, coordinates, shared)

    def cost(unknowns):
        return problem.cost(unknowns.reshape(truth.shape), shared)

    by_coordinate = differences(cost, coordinates.ravel())
    scale = np.abs(by_coordinate).max()
    np.testing.assert_allclose(system.gradient, by_coordinate, atol=1e-5 * scale)

    def shared_cost(unknowns):
        moved = coordinates.copy()
        moved[:, 2] *= np.exp(unknowns[FOCAL] - shared[FOCAL])
        return problem.cost(moved, unknowns)

    by_shared = differences(shared_cost, shared)
    scale = np.abs(by_shared).max()
    np.testing.assert_allclose(system.shared_gradient, by_shared, atol=1e-5 * scale)
    assert len(shared) == LENGTHS + len(BODY.lengths)


def dense(band):
    width, size = band.shape
    matrix = np.zeros((size, size))
    for k in range(width):
        at = np.arange(size - k)
        matrix[at + k, at] = matrix[at, at + k] = band[k, : size - k]
    return matrix


def test_band_holds_the_whole_matrix(problem):
    """Gauss-Newton's matrix, from residuals that are written out one by one."""
    problem, truth = problem
    system = normal_equations(problem, truth, problem.shared_mean)
    rows, pairs = problem.rows(truth, problem.shared_mean)
    frames, width = truth.shape
    jacobian = []
    for t in range(frames):
        block = np.zeros((rows.residual.shape[1] + len(problem.prior_rows), frames, width))
        block[:, t] = np.vstack([rows.by_coordinate[t], problem.prior_rows])
        jacobian.append(block)
    for k, t in enumerate(pairs.first):
        block = np.zeros((pairs.residual.shape[1], frames, width))
        block[:, t], block[:, t + 1] = pairs.by_first[k], pairs.by_second[k]
        jacobian.append(block)
    unit = np.eye(frames * width).reshape(-1, frames, width)
    jacobian.append(
        np.stack([problem.smooth.residual(q).ravel() for q in unit], axis=1).reshape(
            -1, frames, width
        )
    )
    limits = problem.beyond_limits(truth)[1].ravel()
    matrix = sum(b.reshape(len(b), -1).T @ b.reshape(len(b), -1) for b in jacobian)
    matrix += np.diag(limits**2)
    np.testing.assert_allclose(dense(system.band), matrix, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 5, 8])
def test_variances_are_the_diagonal_of_the_inverse(frames):
    width = 3
    rng = np.random.default_rng(3)
    size = frames * width
    lower = np.tril(np.triu(rng.standard_normal((size, size)), -width)) + 3 * np.eye(size)
    matrix = lower @ lower.T + 0.1 * np.eye(size)
    matrix[np.abs(np.subtract.outer(np.arange(size), np.arange(size))) > 2 * width] = 0
    band = np.array(
        [
            np.append(np.diag(matrix, -k), np.zeros(min(k, size)))[:size]
            for k in range(2 * width + 1)
        ]
    )
    expected = np.diag(scipy.linalg.inv(matrix)).reshape(frames, width)
    np.testing.assert_allclose(variances(band, width), expected, rtol=1e-6)


def test_a_singular_matrix_has_no_variances():
    band = np.full((3, 2), 1e28)  # each block is [[1e28, 1e28], [1e28, 1e28]]
    assert np.isnan(variances(band, 1)).all()
    assert np.isnan(variances(np.full((3, 6), 1e28), 1)).all()
