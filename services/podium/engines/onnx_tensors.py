"""Translates ONNX Runtime's element types to those of the Open Inference Protocol and numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from podium.wire import TensorSpec

_TYPES: dict[str, tuple[str, type[np.generic]]] = {
    "tensor(bool)": ("BOOL", np.bool_),
    "tensor(uint8)": ("UINT8", np.uint8),
    "tensor(int32)": ("INT32", np.int32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(float16)": ("FP16", np.float16),
    "tensor(float)": ("FP32", np.float32),
    "tensor(double)": ("FP64", np.float64),
}


def spec_of(node: Any) -> TensorSpec:
    """Describe an input or output of a session; variable dimensions are -1."""
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorSpec(node.name, _TYPES[node.type][0], shape)


def numpy_type(node: Any) -> np.dtype[Any]:
    """The element type of an input or output of a session."""
    return np.dtype(_TYPES[node.type][1])
