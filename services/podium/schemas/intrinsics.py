"""Focal lengths and centre of a camera, as callers give them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_FOCAL = r"[1-9][0-9]{0,5}(\.[0-9]{1,6})?"
_CENTER = r"-?[0-9]{1,6}(\.[0-9]{1,6})?"
_FocalPx = Annotated[float, Field(ge=1, lt=1e6)]
_CenterPx = Annotated[float, Field(gt=-1e6, lt=1e6)]


def _split(value: Any) -> Any:
    parts = value.split(",") if isinstance(value, str) else value
    try:
        fx, fy, cx, cy = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise ValueError("must be fx,fy,cx,cy in pixels, such as 1500,1500,960,540") from None
    return fx, fy, cx, cy


Intrinsics = Annotated[
    tuple[_FocalPx, _FocalPx, _CenterPx, _CenterPx],
    BeforeValidator(_split),
    WithJsonSchema({"type": "string", "pattern": f"^{_FOCAL},{_FOCAL},{_CENTER},{_CENTER}$"}),
]
"""``fx, fy, cx, cy`` in frame pixels: text with commas, or a list."""
