"""The result of the fit of one athlete."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from podium.types import Bool, Float64, UInt8


class Why(IntEnum):
    """Why an angle of the fit is unusable; 0: it is usable."""

    USABLE = 0
    NOT_SEEN = 1
    FRONTAL = 2
    MOVING_CAMERA = 3
    NOT_CONVERGED = 4
    DOES_NOT_FIT = 5
    SITTING = 6
    TOO_SHORT = 7
    HIDDEN = 8


REASONS = {
    Why.NOT_SEEN: "the joint is not seen for longer than can be bridged",
    Why.FRONTAL: "seen from the front or the rear, where one camera does not show flexion",
    Why.MOVING_CAMERA: "the camera moves",
    Why.NOT_CONVERGED: "the fit of the body did not converge",
    Why.DOES_NOT_FIT: "the body does not fit the key points",
    Why.SITTING: "the hip key points of a sitting person are not the joints",
    Why.TOO_SHORT: "there are too few frames",
    Why.HIDDEN: "the trunk hides the arm",
}


def most_common(why: UInt8) -> Why:
    """The most common reason (T,) for which an angle is unusable; USABLE if none is."""
    known = why[why != Why.USABLE]
    return Why(int(np.bincount(known).argmax())) if len(known) else Why.USABLE


@dataclass(frozen=True, slots=True)
class Angles:
    """Signed joint angles in degrees: flexion and dorsiflexion positive, 0 for an upright body.

    ``trunk_lean`` is positive forwards. ``pelvis_tilt`` has OpenSim's sign, negative forwards; it
    is an estimate, a fixed share of the trunk's lean.
    """

    names: tuple[str, ...]  # A names
    degrees: Float64  # (T, A) fitted values, also where they are unusable
    sd_deg: Float64  # (T, A)
    why: UInt8  # (T, A) a ``Why``

    @property
    def usable(self) -> Float64:
        """Degrees (T, A), NaN where they are unusable."""
        return np.where(self.why == Why.USABLE, self.degrees, np.nan)

    def of(self, name: str) -> Float64:
        """One angle (T,), NaN where it is unusable."""
        column = self.names.index(name)
        return np.where(self.why[:, column] == Why.USABLE, self.degrees[:, column], np.nan)


@dataclass(frozen=True, slots=True)
class BodyFit:
    """One athlete over T frames.

    The level frame: x to the right in the picture, y up from the floor, z towards the camera; its
    origin is on the floor below the camera. Lengths are as accurate as the standing height; an
    assumed height does not affect angles.
    """

    time_s: Float64  # (T,)
    angles: Angles
    coordinates: tuple[str, ...]  # N names of the model's coordinates
    values: Float64  # (T, N) radians; metres for the position of the pelvis
    points: tuple[str, ...]  # P names
    positions_m: Float64  # (T, P, 3) level frame
    contact_points: tuple[str, ...]
    contacts: Bool  # (T, C)
    view_deg: Float64  # (T,) 0: moves across the picture; 90: towards the camera or away
    unseen: Bool  # (T,) frames without weight: nobody, or another person
    swapped: Bool  # (T,) left and right leg were exchanged
    focal_px: float
    focal_sd: float  # relative, before the fit
    camera_pitch_deg: float
    residual: float  # root mean square distance in the picture, in standing heights
    steps: int
    converged: bool
    height_known: bool
    lifted: bool  # fitted without 3D landmarks, from a guess of the view
    notes: tuple[str, ...]  # notes for the reader

    @property
    def usable(self) -> Bool:
        """Frames (T,) with usable positions and coordinates: those with an angle of the trunk."""
        return np.asarray(
            self.converged & (self.angles.why[:, self.angles.names.index("trunk_lean")] == 0)
        )

    @property
    def seen_deg(self) -> float | None:
        """The median of ``view_deg`` over usable frames; None if the fit does not see depth."""
        usable = self.usable
        if self.lifted or not usable.any():
            return None
        return float(np.median(self.view_deg[usable]))
