"""Decides which angles are usable, and estimates their uncertainty.

The variance of the fit only covers noise. Most of the error is the same on all frames: the key
points' definition of a joint, and depth. So a term is added for every joint, which grows with the
deviation from a side view; it was calibrated on rendered clips that are not used for validation.
"""

from __future__ import annotations

import numpy as np
import scipy

from podium.biomechanics.fit.model import SIDES, Body
from podium.biomechanics.fit.result import Why
from podium.biomechanics.signals.timeline import rate_hz, runs
from podium.types import Bool, Float64, UInt8

FRONTAL_DEG = 67.0
WORST_RESIDUAL = 0.04
HIDDEN_DEG = 20.0
"""View angle from which the trunk hides the far arm."""
BRIDGED_S = 0.25
SITTING_S = 1.0
SITTING_SPEED_M_S = 0.05
_SITTING_DEG = (60.0, 125.0)

FLEXIONS = (
    "hip_flexion",
    "knee_flexion",
    "ankle_dorsiflexion",
    "shoulder_flexion",
    "elbow_flexion",
)
NAMES = (
    *(f"{side}_{name}" for side in ("left", "right") for name in FLEXIONS),
    "trunk_lean",
    "pelvis_tilt",
)
SYSTEMATIC_DEG = {
    "hip_flexion": (1.5, 2.0, 5.5),
    "knee_flexion": (3.0, 7.0, 9.0),
    "ankle_dorsiflexion": (4.0, 6.0, 12.0),
    "shoulder_flexion": (3.0, 7.0, 36.0),
    "elbow_flexion": (8.0, 9.0, 16.0),
    "trunk_lean": (4.0, 4.0, 4.0),
    "pelvis_tilt": (5.0, 5.0, 3.0),
}
"""Standard deviations in a side view, of the near and the far side of the body, and the one that is
added (in squares) at 60 degrees from it. Bands of 95 % with these hold about 97 % of the samples of
the clips on which they were set (eight, and two more between 15 and 30 degrees for the shoulder),
as clips that were left out held a little less. The last two angles have no ground truth."""
GROWS_TO_DEG = {"shoulder_flexion": 15.0}
"""View up to which the error grows, if not up to the last. From about here on the depth of the
elbow decides about the shoulder, which the picture does not show."""


def degrees_of(body: Body, values: Float64) -> Float64:
    """The angles ``NAMES`` (T, A) of coordinates (T, N)."""
    columns = []
    for name in NAMES:
        if name == "trunk_lean":
            parts = ("pelvis_tilt", "lumbar_extension")
            columns.append(-values[:, [body.index[part] for part in parts]].sum(axis=1))
        else:
            columns.append(values[:, body.index[name]])
    return np.asarray(np.degrees(np.stack(columns, axis=1)))


def sd_of(body: Body, variance: Float64, view_deg: Float64, right_near: Bool) -> Float64:
    """Standard deviations (T, A) in degrees from variances (T, N) of the coordinates."""
    columns = []
    for name in NAMES:
        parts = ("pelvis_tilt", "lumbar_extension") if name == "trunk_lean" else (name,)
        noise = variance[:, [body.index[part] for part in parts]].sum(axis=1)
        joint = name.removeprefix("left_").removeprefix("right_")
        near, far, oblique = SYSTEMATIC_DEG[joint]
        side = np.where(right_near == name.startswith("right"), near, far)
        view = np.minimum(view_deg, GROWS_TO_DEG.get(joint, np.inf))
        off = side**2 + (oblique * view / 60) ** 2
        # Of numbers at the ends of their range the normal matrix has no digits, and no variance.
        noise = np.where(noise >= 0, noise, np.nan)
        columns.append(np.sqrt(np.degrees(1) ** 2 * noise + off))
    return np.stack(columns, axis=1)


def view_of(body: Body, values: Float64, positions: Float64) -> Float64:
    """Degrees (T,) between the direction of the pelvis and the plane across the line of sight."""
    yaw = values[:, body.index["pelvis_yaw"]]
    facing = np.stack([np.cos(yaw), -np.sin(yaw)], axis=1)
    ray = positions[:, :, (0, 2)].mean(axis=1)
    ray = ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.degrees(np.arcsin(np.clip(np.abs((facing * ray).sum(axis=1)), 0, 1))))


def right_is_near(body: Body, values: Float64, positions: Float64) -> Bool:
    """Whether the right side of the body is closer to the camera, (T,)."""
    yaw = values[:, body.index["pelvis_yaw"]]
    right = np.stack([np.sin(yaw), np.cos(yaw)], axis=1)
    return np.asarray((right * positions[:, :, (0, 2)].mean(axis=1)).sum(axis=1) < 0)


def steady_view(view_deg: Float64, time_s: Float64) -> Float64:
    """The median view (T,) over a second, as the pelvis rotates with every step."""
    width = min(2 * max(round(rate_hz(time_s) / 2), 1) + 1, len(view_deg))
    return np.asarray(scipy.ndimage.median_filter(view_deg, width, mode="nearest"))


def reasons(
    body: Body,
    degrees: Float64,
    positions: Float64,
    view_deg: Float64,
    *,
    right_near: Bool,
    time_s: Float64,
    weight: Float64,
    moving_camera: bool,
    converged: bool,
    residual: float,
) -> UInt8:
    """A ``Why`` for every angle (T, A); ``weight`` (T, P) is that of the observations."""
    why = np.zeros(degrees.shape, np.uint8)
    sitting = _sitting(body, degrees, positions, time_s)
    steady = steady_view(view_deg, time_s)
    for column, name in enumerate(NAMES):
        if name.endswith("hip_flexion"):
            why[sitting, column] = Why.SITTING
        if "shoulder" in name or "elbow" in name:
            far = right_near != name.startswith("right")
            why[far & (steady > HIDDEN_DEG), column] = Why.HIDDEN
        unseen = ~_bridged(_seen(body, name, weight), time_s)
        why[unseen, column] = Why.NOT_SEEN
    if residual > WORST_RESIDUAL:
        why[:] = Why.DOES_NOT_FIT
    if not converged:
        why[:] = Why.NOT_CONVERGED
    why[steady > FRONTAL_DEG] = Why.FRONTAL
    if moving_camera:
        why[:] = Why.MOVING_CAMERA
    return why


def _seen(body: Body, name: str, weight: Float64) -> Bool:
    """Frames (T,) on which all points of an angle are seen."""
    side, _, joint = name.partition("_")
    chains = {
        "hip_flexion": ("hip", "knee"),
        "knee_flexion": ("hip", "knee", "ankle"),
        "ankle_dorsiflexion": ("knee", "ankle", "big_toe"),
        "shoulder_flexion": ("shoulder", "elbow"),
        "elbow_flexion": ("shoulder", "elbow", "wrist"),
    }
    both = [f"{s}_{p}" for s in SIDES for p in ("hip", "shoulder")]
    points = [f"{side}_{p}" for p in chains[joint]] if joint in chains else both
    return np.asarray((weight[:, [body.point_index[p] for p in points]] > 0).all(axis=1))


def _bridged(seen: Bool, time_s: Float64) -> Bool:
    """Frames (T,) that are close enough in time to a seen one."""
    known = time_s[seen]
    if not len(known):
        return seen
    after = np.searchsorted(known, time_s)
    gap = np.minimum(
        np.abs(time_s - known[np.minimum(after, len(known) - 1)]),
        np.abs(time_s - known[np.maximum(after - 1, 0)]),
    )
    return np.asarray(gap <= BRIDGED_S)


def _sitting(body: Body, degrees: Float64, positions: Float64, time_s: Float64) -> Bool:
    """Frames (T,) with bent hips and knees and a still pelvis for a second or more."""
    frames = len(time_s)
    if frames < 3:
        return np.zeros(frames, bool)
    bent = np.ones(frames, bool)
    for side in SIDES:
        for joint in ("hip_flexion", "knee_flexion"):
            angle = degrees[:, NAMES.index(f"{side}_{joint}")]
            bent &= (angle > _SITTING_DEG[0]) & (angle < _SITTING_DEG[1])
    hips = [body.point_index[f"{side}_hip"] for side in SIDES]
    speed = np.linalg.norm(np.gradient(positions[:, hips].mean(axis=1), time_s, axis=0), axis=1)
    still = bent & (speed < SITTING_SPEED_M_S)
    least = max(round(SITTING_S * rate_hz(time_s)), 2)
    for rows, _ in runs(still[:, None], np.zeros(frames, bool)):
        still[rows] = rows.stop - rows.start >= least
    return np.asarray(still)
