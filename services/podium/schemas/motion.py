"""``motion.json``: the data of a clip for the viewer, in packed arrays that browsers read fast."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from podium.schemas.corrections import CorrectionFile

UNKNOWN_INT16 = -32768
"""Stands for an unknown number in arrays of int16."""

Dtype = Literal["int16", "uint8", "float32", "float64"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackedArray(_Part):
    """Numbers in base64, little-endian, row by row."""

    dtype: Dtype
    shape: tuple[int, ...]
    data: str
    scale: float = 1.0
    """For integer types: number = integer times scale."""


class MotionSource(_Part):
    """The video of the motion."""

    name: str
    width: int
    height: int
    fps: float


class MotionSkeleton(_Part):
    """The key points and the bones between them."""

    name: str
    joints: list[str]
    bones: list[tuple[int, int]]


class MotionEvent(_Part):
    """An event, such as a foot contact."""

    name: str
    time_s: float
    side: Literal["left", "right"] | None = None


class MotionMeasure(_Part):
    """A measure: one number, or a series over the rows."""

    name: str
    label: str
    unit: str
    method: str = ""
    value: float | None = None
    values: PackedArray | None = None
    sd: float | None = None
    n: int | None = None
    reason: str = ""
    digits: int = 3
    plot: str = ""
    """Series with the same title share a chart; empty: its own chart."""

    joint: str | None = None
    """Key point beside which the viewer may show the value."""


class MotionAthlete(_Part):
    """One athlete over all T rows; J joints of the skeleton."""

    person: int
    label: str
    keypoints_px: PackedArray
    """(T, J, 2) pixels of the frame, x right, y down."""

    scores: PackedArray
    """(T, J) 0-1."""

    joints_m: PackedArray | None = None
    """(T, J, 3) metres from the middle of the hips: x right, y up, z towards the camera."""

    measures: list[MotionMeasure] = []
    events: list[MotionEvent] = []


class MotionPerson(_Part):
    """A person who was found but not analysed."""

    person: int
    first_row: int
    boxes_px: PackedArray
    """(N, 4) boxes x1, y1, x2, y2 on the rows from ``first_row``."""


class Motion(_Part):
    """The motion of the athletes of a clip, over T rows (frames)."""

    format: Literal["podium-motion/1"] = "podium-motion/1"
    source: MotionSource
    skeleton: MotionSkeleton
    time_s: PackedArray
    """(T,) presentation times, seconds from the start of the source."""

    frame_index: PackedArray
    """(T,) ordinals in the source."""

    athletes: list[MotionAthlete]
    others: list[MotionPerson] = []
    """Persons who may be chosen instead, those seen longest."""

    corrections: CorrectionFile = CorrectionFile()
    """Corrections by hand that are applied to the athletes."""

    warnings: list[str] = []
    notes: list[str] = []
