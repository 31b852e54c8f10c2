"""Priors of a body and its motion, as weighted linear terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.biomechanics.fit.model import Body
from podium.biomechanics.fit.observations import ANKLE_TO_SHOULDER, Observations
from podium.biomechanics.fit.weights import (
    LENGTH_SD,
    LIMITS_DEG,
    PRIORS_DEG,
    Weights,
    acceleration_sd,
    sided,
)
from podium.types import Bool, Float64

Columns = NDArray[np.intp]

FOCAL, PITCH, FLOOR, SPACE_PITCH, SPACE_YAW, SPACE_SCALE, LENGTHS = range(7)
"""Indices of the shared unknowns; from LENGTHS on, the logarithms of the lengths."""


@dataclass(frozen=True, slots=True)
class SecondDifferences:
    """Accelerations over true times: weights (T, N) of the samples before, at and after."""

    before: Float64
    at: Float64
    after: Float64

    def columns(self, free: Columns) -> SecondDifferences:
        """Only the columns of some coordinates."""
        return SecondDifferences(self.before[:, free], self.at[:, free], self.after[:, free])

    def residual(self, coordinates: Float64) -> Float64:
        """(T, N), zero at the ends and across pauses."""
        padded = np.pad(coordinates, ((1, 1), (0, 0)), mode="edge")
        return self.before * padded[:-2] + self.at * coordinates + self.after * padded[2:]


def usual_shared(body: Body, seen: Observations, weights: Weights) -> tuple[Float64, Float64]:
    """Prior means and weights of the shared unknowns, (S,) each."""
    mean = np.zeros(LENGTHS + len(body.lengths))
    sd = np.zeros_like(mean)
    mean[FOCAL], sd[FOCAL] = np.log(seen.lens.focal_px), seen.lens.focal_sd
    sd[PITCH] = np.radians(weights.pitch_deg)
    mean[FLOOR], sd[FLOOR] = -0.5 * seen.stature_m, weights.floor_level_m
    sd[SPACE_PITCH] = sd[SPACE_YAW] = np.radians(weights.world_turn_deg)
    sd[SPACE_SCALE] = weights.world_scale
    mean[LENGTHS:] = np.log([seen.stature_m * part for part in body.lengths.values()])
    alike = np.sqrt(max(len(seen) / weights.frames_alike, 1.0))
    sd[LENGTHS:] = [LENGTH_SD[name] / alike for name in body.lengths]
    return mean, sd


def size_row(body: Body, weights: Weights) -> Float64:
    """Row (S,) that fixes the standing height: else a smaller body would have smaller residuals."""
    row = np.zeros(LENGTHS + len(body.lengths))
    for name in ("thigh", "shank", "trunk"):
        row[LENGTHS + body.length_index[name]] = body.lengths[name] / ANKLE_TO_SHOULDER
    return row / weights.stature


def space_sd(body: Body, weights: Weights) -> Float64:
    """Standard deviations (P, 3) of the landmarks in metres."""
    sd = np.tile(weights.space_m, (len(body.points), 1))
    for row, point in enumerate(body.points):
        if "shoulder" in point.name:
            sd[row, 2] *= weights.space_shoulder
        if "elbow" in point.name or "wrist" in point.name:
            sd[row, 2] *= weights.space_arm
    return sd


def slides(seen: Observations, standing: Bool, weights: Weights) -> Float64:
    """Weights (T - 1, C) of the velocities of standing points, per metre moved."""
    both = standing[:-1] & standing[1:] & ~seen.breaks[1:, None]
    return both / (weights.contact_m_s * np.diff(seen.time_s)[:, None])


def second_differences(
    body: Body, seen: Observations, weights: Weights, liveliness: float
) -> SecondDifferences:
    """Accelerations in standard deviations; 0 across pauses."""
    frames = len(seen)
    before, at, after = (np.zeros((frames, 1)) for _ in range(3))
    if frames > 2:
        step = np.diff(seen.time_s)
        whole = ~(seen.breaks[1:-1] | seen.breaks[2:])
        span = (step[:-1] + step[1:]) / 2
        before[1:-1, 0] = whole / (span * step[:-1])
        after[1:-1, 0] = whole / (span * step[1:])
        at = -(before + after)
    sd = acceleration_sd(body, weights, liveliness)
    return SecondDifferences(before / sd, at / sd, after / sd)


def priors(body: Body, weights: Weights) -> tuple[Float64, Float64]:
    """Rows (L, N) and values (L,) so that ``rows @ coordinates - values`` is the residual."""
    rows, values = [], []
    for column, (mean, sd) in sided(PRIORS_DEG, body).items():
        row = np.zeros(len(body.coordinates))
        row[column] = 1 / sd
        rows.append(row)
        values.append(mean / sd)
    lean = np.zeros(len(body.coordinates))
    lean[body.index["lumbar_extension"]] = 1 - weights.lumbar_share
    lean[body.index["pelvis_tilt"]] = -weights.lumbar_share
    rows.append(lean / np.radians(10.0))
    values.append(0.0)
    return np.array(rows), np.array(values)


def limits(body: Body) -> tuple[Float64, Float64]:
    """Lower and upper limits (N,) of the coordinates; infinite if unlimited."""
    low = np.full(len(body.coordinates), -np.inf)
    high = -low
    for column, (least, most) in sided(LIMITS_DEG, body).items():
        low[column], high[column] = least, most
    return low, high
