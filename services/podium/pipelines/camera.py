"""The camera of a request, for models that place persons in camera coordinates."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema

from podium.types import Float32, Int32
from podium.vision.camera import ASSUMED_FOCAL_PX, assumed_intrinsics

ASSUMED = (
    f"the focal length was assumed to be {ASSUMED_FOCAL_PX:.0f} px: distances are in proportion to "
    "it; give the camera's own with intrinsics=fx,fy,cx,cy"
)
"""Note in an answer whose request gave no intrinsics."""

_FOCAL = r"[1-9][0-9]{0,5}(\.[0-9]{1,6})?"
_CENTER = r"-?[0-9]{1,6}(\.[0-9]{1,6})?"
_FocalPx = Annotated[float, Field(ge=1, lt=1e6)]
_CenterPx = Annotated[float, Field(gt=-1e6, lt=1e6)]


def _split(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


Intrinsics = Annotated[
    tuple[_FocalPx, _FocalPx, _CenterPx, _CenterPx],
    BeforeValidator(_split),
    WithJsonSchema({"type": "string", "pattern": f"^{_FOCAL},{_FOCAL},{_CENTER},{_CENTER}$"}),
]
"""``fx, fy, cx, cy`` in frame pixels: text with commas, or a list."""


def camera_of(given: Intrinsics | None, frame_size: Int32) -> Float32:
    """Intrinsics (4,): the given ones, else assumed ones for ``frame_size`` (width, height)."""
    if given is not None:
        return np.array(given, np.float32)
    return assumed_intrinsics(*frame_size.tolist())
