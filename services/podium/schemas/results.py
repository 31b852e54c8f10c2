"""The result of a pipeline, which the gateway answers with and postprocess reads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

FrameStatus = Literal["ok", "no_person", "decode_error", "failed"]

UNDECODABLE = "the source declares this frame, but it does not decode"
"""The error of frames with the status ``decode_error``."""


class PersonResult(BaseModel):
    """One person on one frame."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    track_id: int = Field(description="Stable over the frames of one request.")
    box: tuple[float, float, float, float] = Field(description="xyxy, pixels of the source frame.")
    score: float = Field(description="Confidence that this is a person, 0-1.")
    keypoints: Annotated[list[tuple[float, float, float]], FailFast()] = Field(
        description="x, y in pixels of the source frame and score, in the skeleton's order."
    )
    keypoints_3d: list[tuple[float, float, float]] | None = Field(
        default=None,
        max_length=1000,
        description="Metres, camera axes, relative to the middle of the hips.",
    )
    root_depth: float | None = Field(
        default=None,
        description="Metres from the camera to the middle of the hips, if the model measures it; "
        "proportional to the focal length.",
    )


class FrameResult(BaseModel):
    """One frame."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    index: int = Field(ge=0, description="Ordinal of the frame in the source.")
    time_s: float = Field(description="Time of filming, from the first frame of the source.")
    status: FrameStatus
    error: str | None = Field(default=None, description="Why the status is not ok.")
    persons: Annotated[list[PersonResult], FailFast()] = Field(default_factory=list)
    background: tuple[float, float, float, float] | None = Field(
        default=None,
        description="a, b, x, y: what is at (u, v) here was at (a u - b v + x, b u + a v + y) on "
        "the first frame of the request with a background; pixels. 1, 0, 0, 0: the camera did not "
        "move. On some frames only; null: not measured, or nothing to see it by.",
    )


class SourceResult(BaseModel):
    """Facts of the whole source; rates and times are those of filming."""

    width: int = Field(description="Width of the frames as players show them, in square pixels.")
    height: int
    fps: float
    frame_count: int
    duration_s: float
    complete: bool = True
    slow_motion: float = Field(
        default=1.0, description="How many times slower the source plays than it was filmed."
    )


class PipelineResult(BaseModel):
    """The frames of one request, in order."""

    pipeline: str
    skeleton: str = Field(description="Name of the skeleton of the key points.")
    models: dict[str, str] = Field(description="Stage -> name@version.")
    source: SourceResult
    frames: Annotated[list[FrameResult], FailFast()]
    timing_ms: dict[str, dict[str, float]] = Field(default_factory=dict)
    degraded: Annotated[list[str], FailFast()] = Field(
        default_factory=list, description="What was skipped, reduced or incomplete."
    )
