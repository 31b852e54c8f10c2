"""``corrections.json``: corrections by hand to a run, each beside the automatic value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

Event = Literal["contact", "toe_off", "take_off", "landing"]

MAX_CORRECTION_BYTES = 1 << 20
"""Of a text with corrections: some 10,000. Read, each takes twenty times its text, and unknown keys
a hundred times. Lists end with the first mistake, which would take a thousand times."""

_Px = Annotated[float, Field(ge=-1e6, le=1e6)]
_Seconds = Annotated[float, Field(ge=-1e8, le=1e8)]


class _Correction(BaseModel):
    """Strict, as strangers send corrections."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class EventCorrection(_Correction):
    """Moves, removes or adds one event."""

    event: Event
    side: Literal["left", "right", "both"] = Field(
        description="The foot of a contact or toe-off; both for take-offs and landings."
    )
    time_s: _Seconds | None = Field(
        default=None, description="Time of the automatic event in events.csv; null adds an event."
    )
    corrected_s: _Seconds | None = Field(
        default=None, description="Correct time; null removes the event."
    )

    @model_validator(mode="after")
    def _consistent(self) -> EventCorrection:
        if self.time_s is None and self.corrected_s is None:
            raise ValueError("give time_s, corrected_s or both")
        if (self.side == "both") != (self.event in ("take_off", "landing")):
            raise ValueError("side is left or right for a foot, both for a jump")
        return self


class KeypointCorrection(_Correction):
    """Puts one key point of one frame elsewhere."""

    frame: int = Field(ge=0, description="Ordinal of the frame in the source, as in the tables.")
    keypoint: str = Field(max_length=100, description="Name in the skeleton, such as left_knee.")
    automatic_px: tuple[_Px, _Px] | None = Field(
        default=None, description="Where the model saw it, for the reader; null: nowhere."
    )
    corrected_px: tuple[_Px, _Px] = Field(description="Where it is: x right, y down.")


class PersonCorrections(_Correction):
    """The corrections of one athlete."""

    person: int = Field(ge=0, description="Number of the person in the tables.")
    events: Annotated[list[EventCorrection], FailFast()] = Field(default=[], max_length=10_000)
    keypoints: Annotated[list[KeypointCorrection], FailFast()] = Field(
        default=[], max_length=100_000
    )


class CorrectionFile(_Correction):
    """The content of ``corrections.json``."""

    athletes: list[int] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Numbers of the persons to analyse; null: as the options of the run say.",
    )
    persons: Annotated[list[PersonCorrections], FailFast()] = Field(default=[], max_length=1000)

    def of(self, person: int) -> PersonCorrections:
        """The corrections of one person, possibly none."""
        named = [each for each in self.persons if each.person == person]
        return PersonCorrections(
            person=person,
            events=[event for each in named for event in each.events],
            keypoints=[point for each in named for point in each.keypoints],
        )

    @property
    def count(self) -> int:
        """How many events and key points are corrected."""
        return sum(len(each.events) + len(each.keypoints) for each in self.persons)


def read_corrections(text: str | bytes) -> CorrectionFile:
    """Read the content of ``corrections.json``, as strangers send it.

    Raises:
        ValueError: it is none, or too long; the message names the field.
    """
    if len(text) > MAX_CORRECTION_BYTES:
        raise ValueError(f"has {len(text)} bytes, of {MAX_CORRECTION_BYTES} that are read")
    try:
        return CorrectionFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None


def _read_text(value: Any) -> CorrectionFile:
    if isinstance(value, CorrectionFile):
        return value
    if not isinstance(value, str):
        raise ValueError("must be the content of a corrections.json, as text")
    return read_corrections(value)


CorrectionText = Annotated[
    CorrectionFile,
    BeforeValidator(_read_text),
    PlainSerializer(CorrectionFile.model_dump_json),
    WithJsonSchema({"type": "string"}),
]
"""The content of ``corrections.json`` as text, since parameters of models are flat."""
