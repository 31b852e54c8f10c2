"""Tracks of feet and hips in metres, forward and up, for finding events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from podium.biomechanics.signals.timeline import rate_hz
from podium.types import Float64

SIDES = ("left", "right")
STATURE_M = 1.75
"""Assumed if the height is unknown; events need only approximate lengths."""
LEG_LENGTH = 0.53
"""Height of the hip joint, fraction of stature (Drillis & Contini, in Winter 2009)."""

Forward = Literal["picture", "body", "unknown"]
"""Where forward comes from: along the picture in a side view, from the fitted body in an oblique
one; unknown: only up is of use."""


@dataclass(frozen=True)
class Feet:
    """Tracks of T frames without gaps; forward is the direction that the athlete faces."""

    time_s: Float64  # (T,)
    hips: Float64  # (T, 2) forward, up
    heels: Mapping[str, Float64]  # side -> (T, 2)
    toes: Mapping[str, Float64]  # side -> (T, 2)
    mass_centre: Float64 | None = None  # (T, 2)
    stature_m: float = STATURE_M
    forward: Forward = "picture"
    length_sd: float = 0.0  # relative standard uncertainty of lengths, common to all

    @cached_property
    def rate_hz(self) -> float:
        """Frames per second."""
        return rate_hz(self.time_s)

    @property
    def leg_m(self) -> float:
        """Length of the leg, estimated from the stature."""
        return LEG_LENGTH * self.stature_m

    def rows(self, first_s: float, last_s: float) -> slice:
        """The frames between two times, both included."""
        return slice(
            int(np.searchsorted(self.time_s, first_s)),
            int(np.searchsorted(self.time_s, last_s, side="right")),
        )

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
