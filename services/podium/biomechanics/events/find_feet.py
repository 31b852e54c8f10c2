"""Finds the tracks of the feet: in the picture, or in oblique views those of the fitted body."""

from __future__ import annotations

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.body.centre_of_mass import centre_of_mass
from podium.biomechanics.body.scale import HEIGHT_SD, MODEL_SD
from podium.biomechanics.events.feet import SIDES, STATURE_M, Feet
from podium.biomechanics.fit.observations import KNOWN_FOCAL_SD
from podium.biomechanics.fit.result import REASONS, BodyFit, Why, most_common
from podium.biomechanics.signals.timeline import runs
from podium.skeletons import Skeleton
from podium.types import Bool, Float64

MIN_FRAMES = 12
NOT_SIDEWAYS = "the athlete is not seen from the side"

_PARTS = ("heel", "big_toe")
_TURN_DEG = 30.0
"""Who faces farther from the mean direction than this on a tenth of the frames turns round."""
_LEAST_VIEW_DEG = 10.0
"""A smaller angle from a side view shortens ways by less than it is known to."""
_VIEW_SD_DEG = 5.0
_AWAY_SD = 0.08
"""Relative standard uncertainty of a way towards the camera with a known focal length: 4.5 % of a
run at 45 degrees (rendered, one clip)."""


def feet_of(analysis: Analysis) -> Feet | str:
    """The tracks for steps, in the longest part without gaps; or the reason why there are none."""
    if not _has_feet(analysis.skeleton):
        return _NO_FEET
    if not analysis.sideways:
        return _of_body(analysis)
    if np.any(np.diff(analysis.facing)):
        return _TURNS
    return _in_picture(analysis)


def upright_feet(analysis: Analysis) -> Feet | str:
    """The tracks in the picture, for what only needs up and down; or why there are none."""
    if not _has_feet(analysis.skeleton):
        return _NO_FEET
    return _in_picture(analysis)


_NO_FEET = "the key points have no heels and toes"
_TURNS = "the athlete turns round"
_TOO_SHORT = f"hips and feet are seen together for less than {MIN_FRAMES} frames"


def _has_feet(skeleton: Skeleton) -> bool:
    return all(skeleton.has(f"{side}_{part}") for side in SIDES for part in _PARTS)


def _in_picture(analysis: Analysis) -> Feet | str:
    skeleton = analysis.skeleton
    m_per_px = metres_per_pixel(analysis)
    if m_per_px is None:
        return "the legs and the trunk are never seen together"
    view = _view_rad(analysis)
    ahead = analysis.facing[0] * m_per_px / np.cos(view)
    names = ["mid_hip", *(f"{side}_{part}" for part in _PARTS for side in SIDES)]
    level = analysis.plane.levelled(analysis.floor).measured  # forward is along the floor
    tracks = np.stack([skeleton.take(level, n) for n in names], axis=1)
    rows = _longest_run(np.isfinite(tracks).all(axis=(1, 2)) & ~analysis.breaks)
    if rows.stop - rows.start < MIN_FRAMES:
        return _TOO_SHORT
    hips, *feet = np.moveaxis(tracks[rows] * [ahead, -m_per_px], 1, 0)
    height_px = analysis.scale.athlete_height_px or 0.0
    mass_centre = centre_of_mass(level[rows], skeleton)
    return Feet(
        time_s=analysis.trajectory.time_s[rows],
        hips=hips,
        heels=dict(zip(SIDES, feet[:2], strict=True)),
        toes=dict(zip(SIDES, feet[2:], strict=True)),
        mass_centre=mass_centre * [ahead, -m_per_px],
        stature_m=height_px * m_per_px or STATURE_M,
        forward="picture" if analysis.sideways else "unknown",
        length_sd=np.hypot(analysis.scale.relative_sd, np.tan(view) * np.radians(_VIEW_SD_DEG)),
    )


def _view_rad(analysis: Analysis) -> float:
    """How far an athlete who is seen from the side runs out of the plane of the picture."""
    seen_deg = analysis.fit.seen_deg
    if not analysis.sideways or analysis.view is not None or seen_deg is None:
        return 0.0
    return np.radians(seen_deg) if seen_deg > _LEAST_VIEW_DEG else 0.0


def _of_body(analysis: Analysis) -> Feet | str:
    """The tracks of the fitted body; forward is where the pelvis faces, the mean of the clip."""
    fit = analysis.fit
    if analysis.view in ("front", "back") or fit.lifted:
        return NOT_SIDEWAYS
    rows = _longest_run(fit.usable & ~analysis.breaks)
    if rows.stop - rows.start < MIN_FRAMES:
        return _why_no_body(analysis)
    yaw = fit.values[rows, fit.coordinates.index("pelvis_yaw")]
    middle = np.angle(np.mean(np.exp(1j * yaw)))
    turned = np.abs(np.angle(np.exp(1j * (yaw - middle))))
    if np.percentile(turned, 90) > np.radians(_TURN_DEG):
        return _TURNS
    ahead = np.array([np.cos(middle), 0.0, -np.sin(middle)])

    def track(name: str) -> Float64:
        places = fit.positions_m[rows, fit.points.index(name)]
        return np.stack([places @ ahead, places[:, 1]], axis=1)

    return Feet(
        time_s=fit.time_s[rows],
        hips=(track("left_hip") + track("right_hip")) / 2,
        heels={side: track(f"{side}_heel") for side in SIDES},
        toes={side: track(f"{side}_big_toe") for side in SIDES},
        forward="body",
        length_sd=_length_sd(fit, rows),
    )


def _length_sd(fit: BodyFit, rows: slice) -> float:
    """Relative uncertainty of a way along the run; infinite without a known focal length.

    Its part towards the camera follows from the change of size, in focal lengths, and a zoom has
    four times that of a phone.
    """
    if fit.focal_sd > KNOWN_FOCAL_SD:
        return float("inf")
    away = float(np.sin(np.radians(np.median(fit.view_deg[rows]))) ** 2)
    return float(np.hypot(HEIGHT_SD if fit.height_known else MODEL_SD, away * _AWAY_SD))


def _why_no_body(analysis: Analysis) -> str:
    """The most common reason for which the trunk of the fitted body is unusable."""
    fit = analysis.fit
    worst = most_common(fit.angles.why[:, fit.angles.names.index("trunk_lean")])
    if worst == Why.USABLE:
        return _TOO_SHORT
    return NOT_SIDEWAYS if worst == Why.FRONTAL else f"{NOT_SIDEWAYS}, and {REASONS[worst]}"


def metres_per_pixel(analysis: Analysis) -> float | None:
    """The scale, or one that makes the athlete 1.75 m tall; only for finding events."""
    if analysis.scale.m_per_px is not None:
        return analysis.scale.m_per_px
    height_px = analysis.scale.athlete_height_px
    return None if height_px is None else STATURE_M / height_px


def _longest_run(whole: Bool) -> slice:
    found = (rows for rows, _ in runs(whole[:, None], np.zeros(len(whole), bool)))
    return max(found, key=lambda rows: rows.stop - rows.start, default=slice(0, 0))
