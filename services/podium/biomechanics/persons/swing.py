"""How legs and arms swing together, and on which frames they do not.

In walking and running each arm swings with the opposite leg, so how left and right leg lie apart
follows from how left and right arm do. A clip itself shows how: by a linear relation, fitted by
iteratively reweighted least squares (Holland & Welsch, 1977), so that frames on which the sides of
one of them are wrong count less.
"""

from __future__ import annotations

import numpy as np

from podium.biomechanics.persons.limbs import Limbs
from podium.types import Float64

_ITERATIONS = 5
_RIDGE = 0.03  # relative to the mean variance of the arms
_LEAST_SD = 0.03  # body lengths
_LEAST_FIT = 0.3  # share of the legs' distances that the arms must explain


def swing_together(legs: Limbs, arms: Limbs) -> Float64:
    """How sure it is (S,) that legs and arms are on their right sides relative to each other.

    Returns:
        1: sure; -1: one of them is exchanged; 0: their swing does not tell.
    """
    u, v = (_left_from_right(limbs) for limbs in (legs, arms))
    silent = np.zeros(len(u))
    if not u.size or not v.size:
        return silent
    weight, variance, expected, off = np.ones(len(u)), 1.0, u, silent
    for _ in range(_ITERATIONS):
        weighted = weight[:, None] * v
        square = weighted.T @ v
        mean = float(np.trace(square)) / len(square)
        if mean <= 0:
            return silent
        relation = np.linalg.solve(square + _RIDGE * mean * np.eye(len(square)), weighted.T @ u)
        expected = v @ relation
        off = ((u - expected) ** 2).sum(axis=1)
        variance = float(np.median(off)) * 1.4 + _LEAST_SD**2
        weight = 1 / (1 + off / variance)
    explained = 1 - np.minimum(off, 9 * variance).sum() / max((u**2).sum(), 1e-12)
    if explained < _LEAST_FIT:
        return silent
    likelihood = 2 * (u * expected).sum(axis=1) / variance  # logarithm of the ratio
    return np.asarray(np.clip(likelihood / 2, -1, 1))


def _left_from_right(limbs: Limbs) -> Float64:
    """Left less right (S, 4) of the pairs after the first: knees and ankles, elbows and wrists."""
    apart = limbs.places[:, 1:3, 0] - limbs.places[:, 1:3, 1]
    return np.asarray(apart.reshape(len(apart), -1))
