"""A known distance on the picture: two points in pixels and the metres between them."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_NUMBER = r"[0-9]{1,6}(\.[0-9]{1,6})?"
_PATTERN = rf"^{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}:{_NUMBER}$"
LEAST_PX = 20
LONGEST_M = 1000.0
_EXPECTED = (
    "must be x1,y1,x2,y2:metres with two points in pixels and their distance, such as "
    "310,655,1540,648:10"
)


class KnownDistance(NamedTuple):
    """Two points in pixels of the upright frame, and their distance in metres."""

    x1_px: float
    y1_px: float
    x2_px: float
    y2_px: float
    metres: float

    @property
    def length_px(self) -> float:
        """Distance of the points on the picture."""
        return math.hypot(self.x2_px - self.x1_px, self.y2_px - self.y1_px)


def _read(value: Any) -> KnownDistance:
    if isinstance(value, KnownDistance):
        return value
    if not isinstance(value, str) or not re.fullmatch(_PATTERN, value):
        raise ValueError(_EXPECTED)
    read = KnownDistance(*(float(number) for number in re.split("[,:]", value)))
    if read.length_px < LEAST_PX:
        raise ValueError(f"the points must be {LEAST_PX} pixels or more apart")
    if not 0 < read.metres <= LONGEST_M:
        raise ValueError(f"the distance must be more than 0 and at most {LONGEST_M:g} metres")
    return read


def _write(value: KnownDistance) -> str:
    x1, y1, x2, y2, metres = (f"{number:f}".rstrip("0").rstrip(".") for number in value)
    return f"{x1},{y1},{x2},{y2}:{metres}"


KnownDistanceText = Annotated[
    KnownDistance,
    BeforeValidator(_read),
    PlainSerializer(_write),
    WithJsonSchema({"type": "string", "pattern": _PATTERN}),
]
"""``x1,y1,x2,y2:metres``."""
