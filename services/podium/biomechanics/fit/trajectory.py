"""Fits a moving body to the key points of one athlete: read this file first.

``fit_body`` finds bad frames and exchanged legs, starts from the landmarks, fits, drops contacts in
the air, fits again, then fits the arms to that body, and estimates uncertainties.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from podium.biomechanics.fit.beliefs import FLOOR, FOCAL, LENGTHS, PITCH
from podium.biomechanics.fit.camera import pixels_of
from podium.biomechanics.fit.contacts import CONTACT_POINTS, contacts
from podium.biomechanics.fit.gates import bad_frames, settling, without
from podium.biomechanics.fit.kinematics import positions
from podium.biomechanics.fit.legs import (
    exchange_legs,
    swapped_legs,
    torn_legs,
    torn_points,
    without_legs,
)
from podium.biomechanics.fit.model import BODY, Body
from podium.biomechanics.fit.observations import (
    Observations,
    lens_of,
    observe,
    without_points,
    without_some,
)
from podium.biomechanics.fit.pieces import Piece, first_shared, fit_pieces
from podium.biomechanics.fit.quality import (
    NAMES,
    degrees_of,
    reasons,
    right_is_near,
    sd_of,
    view_of,
)
from podium.biomechanics.fit.residuals import Problem
from podium.biomechanics.fit.result import Angles, BodyFit, Why
from podium.biomechanics.fit.solver import solve
from podium.biomechanics.fit.start import lifted, start
from podium.biomechanics.fit.weights import WEIGHTS, Weights
from podium.errors import InvalidInput
from podium.skeletons import Skeleton
from podium.types import Bool, Float64

LEAST_FRAMES = 5
WORTH_SAYING = 0.03
"""Share of the key points that jump from which a note says so."""
_TRIAL_STEPS = 5
_TRIAL_FRAMES = 90
_YAWS_DEG = (0.0, 40.0, -40.0, 180.0, 140.0, -140.0)


def fit_body(
    keypoints_px: Float64,
    scores: Float64,
    time_s: Float64,
    skeleton: Skeleton,
    frame_size: tuple[int, int],
    *,
    landmarks_m: Float64 | None = None,
    intrinsics: tuple[float, float, float, float] | None = None,
    height_m: float | None = None,
    moving_camera: bool = False,
    weights: Weights = WEIGHTS,
) -> BodyFit:
    """Fit the body to one athlete.

    Args:
        keypoints_px: (T, J, 2), NaN where absent.
        scores: (T, J) 0 to 1; below 0.3 a point is not used.
        time_s: (T,) ascending; intervals may differ.
        skeleton: Names the J columns; it must have hips, knees and ankles.
        frame_size: Width and height of the picture in pixels.
        landmarks_m: (T, J, 3) in camera axes (x right, y down, z away), if the model gives them.
        intrinsics: fx, fy, cx, cy in pixels, if known.
        height_m: Standing height, if known.
        moving_camera: Whether the camera is known to move: then no angle is usable.
        weights: Standard deviations of noise and motion.

    Raises:
        InvalidInput: the skeleton lacks a leg, or the arrays do not fit together.
    """
    _check(keypoints_px, scores, time_s, skeleton, landmarks_m)
    body = BODY
    lens = lens_of(frame_size, intrinsics)
    raw = observe(
        body,
        skeleton,
        keypoints_px,
        scores,
        time_s,
        lens=lens,
        landmarks_m=landmarks_m,
        stature_m=height_m,
    )
    unseen = bad_frames(body, raw)
    if (~unseen).sum() < LEAST_FRAMES:
        return _nothing(body, raw, unseen)
    seen = without(raw, unseen)
    swapped = swapped_legs(body, seen)
    seen = exchange_legs(body, seen, swapped)
    seen = without_legs(body, seen, torn_legs(body, seen))
    torn = torn_points(body, seen)
    share = torn.sum() / max((seen.weight > 0).sum(), 1)
    seen = settling(without_some(seen, torn))
    lifted = not seen.space_weight.any()
    if lifted:
        seen = _lift(body, seen, weights)
    fitted = fit_pieces(body, seen, weights)
    fit = _result(body, seen, fitted, unseen, swapped, moving_camera=moving_camera, lifted=lifted)
    return replace(fit, notes=(*fit.notes, *_noise(share)))


def _check(
    keypoints_px: Float64,
    scores: Float64,
    time_s: Float64,
    skeleton: Skeleton,
    landmarks_m: Float64 | None,
) -> None:
    shape = (len(time_s), len(skeleton))
    given = {"keypoints_px": keypoints_px.shape[:2], "scores": scores.shape}
    if landmarks_m is not None:
        given["landmarks_m"] = landmarks_m.shape[:2]
    for name, found in given.items():
        if found != shape:
            raise InvalidInput(f"has the shape {found}, not {shape}", field=name)
    for joint in ("hip", "knee", "ankle"):
        if not (skeleton.has(f"left_{joint}") and skeleton.has(f"right_{joint}")):
            raise InvalidInput(f"{skeleton.name} has no {joint} on both sides", field="skeleton")
    if len(time_s) > 1 and not (np.diff(time_s) > 0).all():
        raise InvalidInput("does not ascend", field="time_s")


def _lift(body: Body, seen: Observations, weights: Weights) -> Observations:
    """Replace missing landmarks by those of the guessed view that fits a part of the clip best."""
    most = int(
        np.argmax(np.convolve((seen.weight > 0).sum(axis=1), np.ones(_TRIAL_FRAMES), "same"))
    )
    begin = max(0, min(most - _TRIAL_FRAMES // 2, len(seen) - _TRIAL_FRAMES))
    part = seen.rows(slice(begin, begin + _TRIAL_FRAMES))
    legs = without_points(part, body.arm_points)
    standing = contacts(body, part)
    free = np.setdiff1d(np.arange(len(body.coordinates)), body.arm_coordinates)
    costs = []
    for yaw in _YAWS_DEG:
        space = lifted(body, legs, yaw)
        values = start(body, legs, space, legs.weight)
        problem = Problem(body, legs, standing, weights, free=free)
        begin_shared = first_shared(body, problem, values)
        costs.append(solve(problem, values, begin_shared, max_steps=_TRIAL_STEPS).cost)
    best = _YAWS_DEG[int(np.argmin(costs))]
    return replace(seen, space=lifted(body, seen, best))


def _result(
    body: Body,
    seen: Observations,
    fitted: Piece,
    unseen: Bool,
    swapped: Bool,
    *,
    moving_camera: bool,
    lifted: bool,
) -> BodyFit:
    shared = fitted.shared
    points = positions(body, fitted.values, np.exp(shared[LENGTHS:]))
    shots = pixels_of(points, np.exp(shared[FOCAL]), shared[PITCH])
    off = np.linalg.norm(shots - seen.pixels, axis=-1) / seen.height_px[:, None]
    legs = np.setdiff1d(np.arange(len(body.points)), body.arm_points)
    known = seen.weight[:, legs] > 0
    residual = float(np.sqrt(np.median(off[:, legs][known] ** 2))) if known.any() else np.inf
    view = view_of(body, fitted.values, points)
    right_near = right_is_near(body, fitted.values, points)
    degrees = degrees_of(body, fitted.values)
    why = reasons(
        body,
        degrees,
        points,
        view,
        right_near=right_near,
        time_s=seen.time_s,
        weight=seen.weight,
        moving_camera=moving_camera,
        converged=fitted.converged,
        residual=residual,
    )
    return BodyFit(
        time_s=seen.time_s,
        angles=Angles(NAMES, degrees, sd_of(body, fitted.variance, view, right_near), why),
        coordinates=body.coordinates,
        values=fitted.values,
        points=tuple(body.point_index),
        positions_m=points - np.array([0.0, shared[FLOOR], 0.0]),
        contact_points=CONTACT_POINTS,
        contacts=fitted.standing,
        view_deg=view,
        unseen=unseen,
        swapped=swapped,
        focal_px=float(np.exp(shared[FOCAL])),
        focal_sd=seen.lens.focal_sd,
        camera_pitch_deg=float(np.degrees(shared[PITCH])),
        residual=residual,
        steps=fitted.steps,
        converged=fitted.converged,
        height_known=seen.stature_known,
        lifted=lifted,
        notes=_notes(unseen, swapped, fitted.converged),
    )


def _notes(unseen: Bool, swapped: Bool, converged: bool) -> tuple[str, ...]:
    notes = []
    if unseen.any():
        notes.append(f"{int(unseen.sum())} of {len(unseen)} frames do not continue the others.")
    if swapped.any():
        notes.append(f"Left and right leg are exchanged on {int(swapped.sum())} frames.")
    if not converged:
        notes.append("The fit of the body did not converge.")
    return tuple(notes)


def _noise(share: float) -> tuple[str, ...]:
    if share < WORTH_SAYING:
        return ()
    return (f"{share:.0%} of the key points jump away for a frame; they are not used.",)


def _nothing(body: Body, seen: Observations, unseen: Bool) -> BodyFit:
    frames = len(seen)
    nan = np.full((frames, len(NAMES)), np.nan)
    return BodyFit(
        time_s=seen.time_s,
        angles=Angles(NAMES, nan, nan, np.full(nan.shape, Why.TOO_SHORT, np.uint8)),
        coordinates=body.coordinates,
        values=np.full((frames, len(body.coordinates)), np.nan),
        points=tuple(body.point_index),
        positions_m=np.full((frames, len(body.points), 3), np.nan),
        contact_points=CONTACT_POINTS,
        contacts=np.zeros((frames, len(CONTACT_POINTS)), bool),
        view_deg=np.full(frames, np.nan),
        unseen=unseen,
        swapped=np.zeros(frames, bool),
        focal_px=seen.lens.focal_px,
        focal_sd=seen.lens.focal_sd,
        camera_pitch_deg=0.0,
        residual=np.inf,
        steps=0,
        converged=False,
        height_known=seen.stature_known,
        lifted=not seen.space_weight.any(),
        notes=(f"Fewer than {LEAST_FRAMES} frames show the athlete: no body was fitted.",),
    )
