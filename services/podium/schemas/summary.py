"""``summary.json``, and the answer of postprocessing, which contains it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from podium.schemas.measures import DataPoints
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import SourceResult


class MeasureSummary(BaseModel):
    """One number of one athlete, or why there is none."""

    label: str
    unit: str = Field(description="Empty for pure numbers.")
    value: float | None
    sd: float | None = Field(
        default=None, description="Standard uncertainty of the value; null: not estimated."
    )
    n: int | None = Field(
        default=None, description="Samples, steps or repetitions behind the value."
    )
    method: str
    reason: str | None = Field(default=None, description="Why the value is null.")
    digits: int = Field(default=3, description="Decimals worth printing.")
    headline: bool = Field(default=False, description="Whether it is among the first to show.")


class SeriesSummary(BaseModel):
    """One measure over the frames: its range."""

    label: str
    unit: str
    min: float | None
    mean: float | None
    max: float | None
    n: int = Field(description="Frames with a value.")
    sd: float | None = Field(
        default=None, description="Standard uncertainty of one sample; null: not estimated."
    )
    method: str
    reason: str | None = Field(default=None, description="Why there are no values.")
    digits: int = 3


class PersonSummary(BaseModel):
    """One athlete of the clip."""

    person: int
    first_frame: int
    last_frame: int
    first_time_s: float
    last_time_s: float
    frames_seen: int
    detection_ratio: float = Field(description="Frames that show the person, of all frames.")
    frame_rate_hz: float
    mean_keypoint_score: float | None
    body_exchanged: int = Field(
        default=0,
        description="Frames on which the model swapped left and right; corrected.",
    )
    legs_exchanged: int = Field(default=0, description="Frames with only the legs swapped.")
    arms_exchanged: int = Field(default=0, description="Frames with only the arms swapped.")
    keypoints_filled: int
    keypoints_rejected: int
    keypoints_unfiltered: int
    facing: Literal["left", "right"]
    side_view: bool
    turns: int
    scale_source: Literal["known_distance", "athlete_height", "3d_landmarks", "none"]
    m_per_px: float | None
    standing_height_px: float | None
    measures: dict[str, MeasureSummary] = Field(description="Name -> number.")
    series: dict[str, SeriesSummary] = Field(
        description="Name -> range over the frames; the tables have all series."
    )


class FrameCounts(BaseModel):
    """Numbers of frames, by outcome."""

    first: int | None
    last: int | None
    count: int
    rate_hz: float
    with_person: int
    without_person: int
    undecodable: int
    failed: int
    missing: int


class AppliedOptions(PostprocessOptions):
    """The applied options; unknown ones are allowed, as the reader may be older than the writer."""

    model_config = ConfigDict(extra="ignore")


class Summary(BaseModel):
    """The clip, the athletes, assumptions and warnings."""

    podium_version: str
    pipeline: str
    models: dict[str, str]
    skeleton: str
    source: SourceResult
    options: AppliedOptions
    frames: FrameCounts
    persons_found: int
    persons: list[PersonSummary]
    data_points: DataPoints
    assumptions: list[str]
    conventions: list[str]
    warnings: list[str] = Field(default_factory=list)


class OutputFile(BaseModel):
    """One file that postprocess wrote."""

    name: str
    uri: str
    size_bytes: int
    sha256: str
    media_type: str


class PostprocessResult(BaseModel):
    """The files that postprocess wrote, and the summary."""

    files: list[OutputFile]
    summary: Summary
    warnings: list[str] = Field(default_factory=list)
