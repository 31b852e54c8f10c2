"""Chooses between the two angles of a joint: in the picture, or of the fitted body.

Of the legs a body that is fitted to 3D landmarks is closer to the truth in every view that shows
flexion. From the side the angle between key points in the picture comes next, and of the arms it
comes first, as little holds a fitted arm. In oblique views the angle in the picture is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from podium.biomechanics.fit.quality import steady_view
from podium.biomechanics.fit.result import REASONS, BodyFit, Why, most_common
from podium.schemas.postprocess import View
from podium.types import Float64, UInt8

SIDE_VIEW_DEG = 15.0
ACROSS_DEG = 27.0
"""Up to this far from a side view the picture shows nine tenths of a step."""
_LEG_JOINTS = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
_NO_FIT = (Why.TOO_SHORT, Why.NOT_CONVERGED, Why.DOES_NOT_FIT, Why.MOVING_CAMERA)


class Source(IntEnum):
    """Source of a sample."""

    NONE = 0
    PICTURE = 1
    FIT = 2


@dataclass(frozen=True, slots=True)
class Primary:
    """The chosen angle, sample by sample."""

    degrees: Float64  # (T,) NaN where there is none
    sd_deg: Float64  # (T,) NaN where there is none
    source: UInt8  # (T,) a ``Source``
    reason: str  # why samples are missing; empty if none is


@dataclass(frozen=True, slots=True)
class Looks:
    """How the athlete looks in the picture."""

    sideways: bool  # seen from the side; decides if no body was fitted
    said: View | None = None  # the view that the user knows; decides before the fit


def moves_across(fit: BodyFit, otherwise: bool) -> bool:
    """Whether the athlete moves across the picture, by the fitted body if it sees depth.

    Args:
        fit: The fit.
        otherwise: How the athlete looks without it.
    """
    seen_deg = fit.seen_deg
    return otherwise if seen_deg is None else seen_deg <= ACROSS_DEG


def primary(name: str, plane_deg: Float64, fit: BodyFit, looks: Looks) -> Primary:
    """Choose the source of one joint angle.

    Args:
        name: Name of the angle, one of ``quality.NAMES``.
        plane_deg: (T,) the angle in the picture.
        fit: The fit of the same frames.
        looks: The view of the athlete.
    """
    column = fit.angles.names.index(name)
    why = fit.angles.why[:, column]
    if looks.said in ("front", "back"):
        why = np.full_like(why, Why.FRONTAL)
    elif looks.said == "side":
        why = np.where(why == Why.FRONTAL, Why.USABLE, why)
    unfitted = np.isin(why, _NO_FIT)
    if looks.said is not None:
        sideways = np.full(len(why), looks.said == "side")
    else:
        sideways = np.where(
            unfitted, looks.sideways, steady_view(fit.view_deg, fit.time_s) <= SIDE_VIEW_DEG
        )
    usable = why == Why.USABLE
    fit_first = name.endswith(_LEG_JOINTS) and not fit.lifted and looks.said is None
    in_picture = sideways & (unfitted | (why == Why.HIDDEN) | (usable & (not fit_first)))
    in_picture &= np.isfinite(plane_deg)
    fitted = ~in_picture & usable & np.isfinite(fit.angles.degrees[:, column])
    source = np.where(in_picture, Source.PICTURE, np.where(fitted, Source.FIT, Source.NONE))
    degrees = np.where(in_picture, plane_deg, fit.angles.degrees[:, column])
    missing = source == Source.NONE
    return Primary(
        degrees=np.where(missing, np.nan, degrees),
        sd_deg=np.where(missing, np.nan, fit.angles.sd_deg[:, column]),
        source=source.astype(np.uint8),
        reason=REASONS.get(most_common(why[missing]), ""),
    )
