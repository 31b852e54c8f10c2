"""Packs arrays for browsers: little-endian numbers in base64."""

from __future__ import annotations

import base64

import numpy as np

from podium.schemas.motion import UNKNOWN_INT16, PackedArray
from podium.types import Float64

_LARGEST_INT16 = 32767


def packed_floats(values: Float64, *, double: bool = False) -> PackedArray:
    """Pack numbers as float32 or float64; NaN where a number is unknown."""
    raw = np.ascontiguousarray(values, "<f8" if double else "<f4")
    return _packed(raw, "float64" if double else "float32", 1.0)


def packed_steps(values: Float64, step: float) -> PackedArray:
    """Pack numbers as int16 multiples of ``step``; the step is larger if they do not fit."""
    known = np.abs(values[np.isfinite(values)])
    scale = max(step, float(known.max(initial=0.0)) / _LARGEST_INT16)
    steps = np.nan_to_num(values / scale).round()
    raw = np.where(np.isfinite(values), steps, UNKNOWN_INT16).astype("<i2")
    return _packed(raw, "int16", scale)


def packed_shares(values: Float64) -> PackedArray:
    """Pack numbers from 0 to 1 in 256 steps; 0 where a number is unknown."""
    raw = np.nan_to_num(values * 255).round().clip(0, 255).astype(np.uint8)
    return _packed(raw, "uint8", 1 / 255)


def _packed(raw: np.ndarray, dtype: str, scale: float) -> PackedArray:
    data = base64.b64encode(raw.tobytes()).decode()
    return PackedArray.model_validate(
        {"dtype": dtype, "shape": raw.shape, "data": data, "scale": scale}
    )
