"""Fits a piece of a clip (legs and trunk twice, then the arms), and clips of any length."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from podium.biomechanics.fit.beliefs import FLOOR, FOCAL, LENGTHS, PITCH, Columns
from podium.biomechanics.fit.camera import pixels_of
from podium.biomechanics.fit.contacts import CONTACT_POINTS, above_floor, contacts, planted
from podium.biomechanics.fit.kinematics import positions
from podium.biomechanics.fit.model import Body
from podium.biomechanics.fit.observations import Observations, along_rays, without_points
from podium.biomechanics.fit.residuals import Problem
from podium.biomechanics.fit.solver import Solution, normal_equations, solve
from podium.biomechanics.fit.spread import variances
from podium.biomechanics.fit.start import start
from podium.biomechanics.fit.weights import Weights, liveliness
from podium.biomechanics.fit.windows import fade, learning, pieces
from podium.freed_memory import give_back
from podium.types import Bool, Float64

_FIRST_STEPS = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A fitted piece of consecutive frames."""

    values: Float64  # (T, N)
    shared: Float64  # (S,)
    variance: Float64  # (T, N)
    standing: Bool  # (T, C)
    steps: int
    converged: bool


def fit_pieces(body: Body, seen: Observations, weights: Weights) -> Piece:
    """Fit a clip of any length."""
    parts = pieces(len(seen))
    if len(parts) == 1:
        return fit_piece(body, seen, weights, None)
    known = [
        fit_piece(body, seen.rows(part), weights, None, sure=False) for part in learning(parts)
    ]
    shared = np.median([piece.shared for piece in known if piece.converged] or [known[0].shared], 0)
    total = np.zeros((len(seen), 1))
    values, variance = (np.zeros((len(seen), len(body.coordinates))) for _ in range(2))
    standing = np.zeros((len(seen), len(CONTACT_POINTS)), bool)
    steps = 0
    converged: list[bool] = []
    for part in parts:
        piece = fit_piece(body, seen.rows(part), weights, shared)
        share = fade(part, len(seen))[:, None]
        turn = _whole_turns(body, values[part], total[part], piece.values)
        values[part] += share * (piece.values + turn)
        variance[part] += share * piece.variance
        standing[part] |= piece.standing & (share >= 0.5)
        total[part] += share
        steps = max(steps, piece.steps)
        converged.append(piece.converged)
    give_back()  # a piece takes much more than it leaves
    good = bool(np.mean(converged) > 0.5)
    return Piece(values / total, shared, variance / total, standing, steps, good)


def _whole_turns(body: Body, before: Float64, total: Float64, values: Float64) -> Float64:
    """Full turns (N,) to add to a piece's yaw, to continue that of the previous piece."""
    turn = np.zeros(values.shape[1])
    yaw = body.index["pelvis_yaw"]
    shared = total[:, 0] > 0.5
    if shared.any():
        off = np.median(before[shared, yaw] / total[shared, 0] - values[shared, yaw])
        turn[yaw] = 2 * np.pi * np.round(off / (2 * np.pi))
    return turn


def fit_piece(
    body: Body, seen: Observations, weights: Weights, shared: Float64 | None, *, sure: bool = True
) -> Piece:
    """Fit legs and trunk, then the arms; ``shared``, if given, is not changed."""
    legs = without_points(seen, body.arm_points)
    focal_px = seen.lens.focal_px if shared is None else float(np.exp(shared[FOCAL]))
    turned = along_rays(body, legs, focal_px)
    values = start(body, turned, turned.space, turned.space_weight)
    lively = liveliness(body, values, seen.time_s, weights)
    standing = contacts(body, seen)
    free = np.setdiff1d(np.arange(len(body.coordinates)), body.arm_coordinates)
    held = None if shared is None else np.array([], np.intp)
    problem = Problem(
        body, turned, standing, weights, liveliness=lively, free=free, shared_free=held
    )
    begin = first_shared(body, problem, values) if shared is None else shared
    first = solve(problem, values, begin, max_steps=_FIRST_STEPS)
    standing = above_floor(standing, _heights(body, first))
    turned = along_rays(body, legs, float(np.exp(first.shared[FOCAL])))
    problem = Problem(
        body, turned, standing, weights, liveliness=lively, free=free, shared_free=held
    )
    second = solve(problem, first.coordinates, first.shared)
    flat = planted(standing, seen.time_s)
    if flat.any():  # in the step before, level soles would make the way to the minimum longer
        problem = Problem(
            body,
            turned,
            standing,
            weights,
            flat=flat,
            liveliness=lively,
            free=free,
            shared_free=held,
        )
        third = solve(problem, second.coordinates, second.shared)
        second = replace(
            third,
            steps=second.steps + third.steps,
            converged=second.converged and third.converged,
        )
    values = second.coordinates
    variance = np.zeros_like(values)
    if sure:
        system = normal_equations(problem, values, second.shared)
        variance[:, free] = variances(system.band, len(free))
        arms, arm_variance = _fit_arms(body, seen, second, weights, lively)
        values = arms.coordinates
        variance[:, body.arm_coordinates] = arm_variance
    return Piece(
        values,
        second.shared,
        variance,
        above_floor(standing, _heights(body, second)),
        first.steps + second.steps,
        second.converged,
    )


def _fit_arms(
    body: Body, seen: Observations, rest: Solution, weights: Weights, lively: float
) -> tuple[Solution, Float64]:
    """Fit the arms at the observed shoulders; the rest is not changed."""
    at = positions(body, rest.coordinates, np.exp(rest.shared[LENGTHS:]))
    shots = pixels_of(at, np.exp(rest.shared[FOCAL]), rest.shared[PITCH])
    pixels = seen.pixels.copy()
    for column in body.arm_points:
        side = body.points[column].name.partition("_")[0]
        shoulder = body.point_index[f"{side}_shoulder"]
        known = seen.weight[:, shoulder] > 0
        pixels[known, column] += (shots - seen.pixels)[known, shoulder]
    others = np.setdiff1d(np.arange(len(body.points)), body.arm_points)
    arms = along_rays(body, seen, float(np.exp(rest.shared[FOCAL])))
    arms = without_points(replace(arms, pixels=pixels), others)
    nowhere = np.zeros((len(seen), len(CONTACT_POINTS)), bool)
    lengths = [LENGTHS + body.length_index[name] for name in ("upper_arm", "forearm")]
    problem = Problem(
        body,
        arms,
        nowhere,
        weights,
        liveliness=lively,
        free=body.arm_coordinates,
        shared_free=np.array(lengths, np.intp),
    )
    solution = solve(problem, rest.coordinates, rest.shared)
    system = normal_equations(problem, solution.coordinates, solution.shared)
    return solution, variances(system.band, len(body.arm_coordinates))


def first_shared(body: Body, problem: Problem, values: Float64) -> Float64:
    """Prior values, with the floor at the lowest feet."""
    shared = problem.shared_mean.copy()
    points = positions(body, values, np.exp(shared[LENGTHS:]))
    feet = points[:, [body.point_index[name] for name in CONTACT_POINTS], 1]
    shared[FLOOR] = np.median(feet.min(axis=1))
    return shared


def _heights(body: Body, solution: Solution) -> Float64:
    """Heights (T, C) of the contact points above the floor."""
    lengths = np.exp(solution.shared[LENGTHS:])
    points = positions(body, solution.coordinates, lengths)
    feet: Columns = np.array([body.point_index[name] for name in CONTACT_POINTS], np.intp)
    return np.asarray(points[:, feet, 1] - solution.shared[FLOOR])
