"""``corrections.json``: corrections by hand to the events of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Event = Literal["contact", "toe_off", "take_off", "landing"]


class EventCorrection(BaseModel):
    """Moves, removes or adds one event."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    event: Event
    side: Literal["left", "right", "both"] = Field(
        description="The foot of a contact or toe-off; both for take-offs and landings."
    )
    time_s: float | None = Field(
        default=None, description="Time of the automatic event in events.csv; null adds an event."
    )
    corrected_s: float | None = Field(
        default=None, description="Correct time; null removes the event."
    )

    @model_validator(mode="after")
    def _consistent(self) -> EventCorrection:
        if self.time_s is None and self.corrected_s is None:
            raise ValueError("give time_s, corrected_s or both")
        if (self.side == "both") != (self.event in ("take_off", "landing")):
            raise ValueError("side is left or right for a foot, both for a jump")
        return self


class PersonCorrections(BaseModel):
    """The corrections of one athlete."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    person: int = Field(ge=0, description="Number of the person in the tables.")
    events: list[EventCorrection] = Field(max_length=10_000)


class CorrectionFile(BaseModel):
    """The content of ``corrections.json``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    persons: list[PersonCorrections] = Field(max_length=1000)
