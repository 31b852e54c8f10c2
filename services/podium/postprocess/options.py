"""What a caller may choose about postprocessing."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.persons.selection import Athlete
from podium.biomechanics.signals.filters import Method, Smoothing

_NUMBER = r"-?\d+(\.\d+)?"
_ATHLETE = rf"all|largest|longest|most_displacement|nearest:{_NUMBER},{_NUMBER}"


class Options(BaseModel):
    """Closed: an unknown option is refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    filter: Method = "butterworth"
    """Smoothing of the key points: butterworth, one_euro, savgol or none."""

    cutoff_hz: float = Field(default=6.0, gt=0, le=1000)
    """Cut-off of the filter."""

    max_gap_frames: int = Field(default=10, ge=0, le=1000)
    """Longest gap in a key point that is filled; longer ones stay empty."""

    athlete: str = "all"
    """Whom to analyse: all, largest, longest, most_displacement, or nearest:x,y in pixels."""

    athlete_height_m: float | None = Field(default=None, ge=0.3, le=3.0)
    """Standing height of the athlete, for the scale in metres."""

    overlay: bool = True
    """Whether to write overlay.mp4."""

    overlay_frames: int = Field(default=8, ge=0, le=200)
    """How many overlay pictures to write, evenly spaced."""

    @field_validator("athlete")
    @classmethod
    def _known_rule(cls, value: str) -> str:
        if not re.fullmatch(_ATHLETE, value):
            raise ValueError(
                "must be all, largest, longest, most_displacement or nearest:x,y "
                "(such as nearest:640,360)"
            )
        return value

    @property
    def selection(self) -> Athlete:
        """The choice of the athlete."""
        rule, _, point = self.athlete.partition(":")
        x, y = (float(part) for part in point.split(",")) if point else (0.0, 0.0)
        return Athlete(rule, (x, y))  # type: ignore[arg-type]  # the pattern allows no other rule

    @property
    def analysis(self) -> AnalysisOptions:
        """What concerns the analysis."""
        return AnalysisOptions(
            smoothing=Smoothing(self.filter, self.cutoff_hz),
            max_gap_frames=self.max_gap_frames,
            athlete_height_m=self.athlete_height_m,
        )
