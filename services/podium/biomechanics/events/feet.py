"""Tracks of feet and hips in metres, forward and up, for finding events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.body.centre_of_mass import centre_of_mass
from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

SIDES = ("left", "right")
STATURE_M = 1.75
"""Assumed if the height is unknown; events need only approximate lengths."""
LEG_LENGTH = 0.53
"""Height of the hip joint, fraction of stature (Drillis & Contini, in Winter 2009)."""
MIN_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Feet:
    """Tracks of T frames without gaps; forward is the direction that the athlete faces."""

    time_s: Float64  # (T,)
    hips: Float64  # (T, 2) forward, up
    heels: Mapping[str, Float64]  # side -> (T, 2)
    toes: Mapping[str, Float64]  # side -> (T, 2)
    mass_centre: Float64 | None = None  # (T, 2)
    stature_m: float = STATURE_M

    @property
    def rate_hz(self) -> float:
        """Frames per second."""
        return rate_hz(self.time_s)

    @property
    def leg_m(self) -> float:
        """Length of the leg, estimated from the stature."""
        return LEG_LENGTH * self.stature_m

    def columns(self) -> Float64:
        """All tracks as columns, (T, 12); NaN for an unknown centre of mass."""
        centre = np.full_like(self.hips, np.nan) if self.mass_centre is None else self.mass_centre
        feet = [track[side] for track in (self.heels, self.toes) for side in SIDES]
        return np.concatenate([self.hips, *feet, centre], axis=1)

    def with_columns(self, columns: Float64) -> Feet:
        """A copy with other tracks, in the order of ``columns``."""
        hips, *feet, centre = np.split(columns, 6, axis=1)
        return replace(
            self,
            hips=hips,
            heels=dict(zip(SIDES, feet[:2], strict=True)),
            toes=dict(zip(SIDES, feet[2:], strict=True)),
            mass_centre=None if self.mass_centre is None else centre,
        )


def feet_of(analysis: Analysis) -> Feet | str:
    """The feet in the longest part without gaps; or the reason why there are none."""
    skeleton = analysis.skeleton
    if not all(skeleton.has(f"{s}_{p}") for s in SIDES for p in ("heel", "big_toe")):
        return "the key points have no heels and toes"
    if not analysis.sideways:
        return "the athlete is not seen from the side"
    m_per_px = metres_per_pixel(analysis)
    if m_per_px is None:
        return "the legs and the trunk are never seen together"
    if np.any(np.diff(analysis.facing)):
        return "the athlete turns round"
    ahead = analysis.facing[0] * m_per_px
    names = ["mid_hip", *(f"{s}_{p}" for p in ("heel", "big_toe") for s in SIDES)]
    level = analysis.plane.levelled(analysis.floor).measured  # forward is along the floor
    tracks = np.stack([skeleton.take(level, n) for n in names], axis=1)
    rows = _longest_run(np.isfinite(tracks).all(axis=(1, 2)) & ~analysis.breaks)
    if rows.stop - rows.start < MIN_FRAMES:
        return f"hips and feet are seen together for less than {MIN_FRAMES} frames"
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
    )


def metres_per_pixel(analysis: Analysis) -> float | None:
    """The scale, or one that makes the athlete 1.75 m tall; only for finding events."""
    if analysis.scale.m_per_px is not None:
        return analysis.scale.m_per_px
    height_px = analysis.scale.athlete_height_px
    return None if height_px is None else STATURE_M / height_px


def _longest_run(whole: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> slice:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]]).astype(int)))
    if not len(edges):
        return slice(0, 0)
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return slice(int(starts[longest]), int(stops[longest]))
