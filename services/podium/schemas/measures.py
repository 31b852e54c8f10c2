"""``measures.json``: every measure of every athlete, with or without a value."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class MeasureEntry(BaseModel):
    """One measure of one athlete: its description, and its value or the place of its values."""

    name: str
    label: str
    unit: str = Field(description="Empty for pure numbers.")
    method: str
    kind: Literal["number", "series"]
    value: float | None = Field(default=None, description="Value of a number.")
    sd: float | None = Field(
        default=None,
        description="Standard uncertainty of the value, or of one sample of the series.",
    )
    n: int | None = Field(
        default=None, description="Samples behind a number; frames of a series with a value."
    )
    reason: str | None = Field(default=None, description="Why there is no value.")
    row: str | None = Field(default=None, description="For a series: `name` in biomechanics.csv.")
    column: str | None = Field(default=None, description="For a series: its column there.")


class AthleteMeasures(BaseModel):
    """The measures of one athlete."""

    person: int
    measures: list[MeasureEntry]


class MeasureFile(BaseModel):
    """The content of ``measures.json``."""

    podium_version: str
    skeleton: str
    athletes: list[AthleteMeasures]


class DataPoints(BaseModel):
    """How many values are known: numbers, and samples of series."""

    known: int = Field(description="Numbers with a value and samples of series with a value.")
    measures_known: int
    measures_missing: int
    reasons: dict[str, int] = Field(description="Reason -> number of missing measures.")
