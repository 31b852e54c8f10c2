"""Options of postprocessing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from podium.athletes import Athlete
from podium.schemas.corrections import CorrectionText
from podium.schemas.intrinsics import Intrinsics
from podium.schemas.known_distance import KnownDistanceText

View = Literal["side", "oblique", "front", "back"]

FilterMethod = Literal["butterworth", "kalman", "gcv_spline", "savgol", "one_euro", "none"]


class PostprocessOptions(BaseModel):
    """Options of postprocessing; unknown options are refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    filter: FilterMethod = "butterworth"
    """Smoothing of the key points: butterworth, kalman, gcv_spline (finds its cut-off), savgol,
    one_euro or none."""

    cutoff_hz: float = Field(default=8.0, gt=0, le=1000)
    """Cut-off of the filter."""

    max_gap_frames: int = Field(default=10, ge=0, le=1000)
    """Longest gap in a key point that is filled; longer ones stay empty."""

    athlete: Athlete = "all"
    """Whom to analyse: all, largest, longest, most_displacement, or nearest:x,y in pixels."""

    athlete_height_m: float | None = Field(default=None, ge=0.3, le=3.0)
    """Standing height of the athlete, for the scale in metres."""

    known_distance: KnownDistanceText | None = None
    """Two points on the picture, in the plane of motion, and their distance: x1,y1,x2,y2:metres.
    Gives the scale in metres in place of the height."""

    athlete_mass_kg: float | None = Field(default=None, ge=10, le=300)
    """Mass of the athlete, for the air resistance of a sprint."""

    view: View | None = None
    """From where the camera sees the athlete: side, oblique, front or back; as detected if left
    out."""

    camera_tilt_deg: float | None = Field(default=None, ge=-45, le=45)
    """Tilt of the camera: degrees by which level ground rises to the right in the picture. If left
    out, as the places where the feet stand show it; 0 says that the picture is level."""

    corrections: CorrectionText | None = None
    """Corrections by hand, as the text of a ``corrections.json``."""

    intrinsics: Intrinsics | None = None
    """fx,fy,cx,cy of the camera in pixels, for the fitted body; default: the lens of a phone."""

    overlay: bool = True
    """Whether to write overlay.mp4."""

    overlay_frames: int = Field(default=8, ge=0, le=200)
    """Number of overlay pictures to write, evenly spaced."""
