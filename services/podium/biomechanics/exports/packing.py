"""Packs arrays for browsers: little-endian numbers in base64."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.schemas.motion import UNKNOWN_INT16, PackedArray
from podium.types import Floats

_LARGEST_INT16 = 32767
_ROWS_AT_ONCE = 1024
"""Rounding takes several times the memory of its numbers."""


def packed_floats(values: Floats, *, double: bool = False) -> PackedArray:
    """Pack numbers as float32 or float64; NaN where a number is unknown."""
    raw = np.ascontiguousarray(values, "<f8" if double else "<f4")
    return _packed(raw, "float64" if double else "float32", 1.0)


def packed_steps(values: Floats, step: float) -> PackedArray:
    """Pack numbers as int16 multiples of ``step``; the step is larger if they do not fit."""
    largest = 0.0
    for part in _parts(values):
        largest = float(np.abs(part[np.isfinite(part)]).max(initial=largest))
    scale = max(step, largest / _LARGEST_INT16)
    raw = np.empty(values.shape, "<i2")
    for part, packed in zip(_parts(values), _parts(raw), strict=True):
        steps = np.nan_to_num(part / scale).round()
        packed[...] = np.where(np.isfinite(part), steps, UNKNOWN_INT16)
    return _packed(raw, "int16", scale)


def packed_shares(values: Floats) -> PackedArray:
    """Pack numbers from 0 to 1 in 256 steps; 0 where a number is unknown."""
    raw = np.empty(values.shape, np.uint8)
    for part, packed in zip(_parts(values), _parts(raw), strict=True):
        packed[...] = np.nan_to_num(part * 255).round().clip(0, 255)
    return _packed(raw, "uint8", 1 / 255)


def _parts(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Views of some rows after the others."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]


def _packed(raw: np.ndarray, dtype: str, scale: float) -> PackedArray:
    data = base64.b64encode(raw.tobytes()).decode()
    return PackedArray.model_validate(
        {"dtype": dtype, "shape": raw.shape, "data": data, "scale": scale}
    )
