"""Opens weights files; the only engine is ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

from podium.engines.options import EngineOptions
from podium.engines.session import Session
from podium.errors import SetupError

PLATFORMS = {".onnx": "onnxruntime_onnx"}
"""Suffix of a weights file -> the platform in the model's metadata."""


def open_session(weights: Path, options: EngineOptions | None = None) -> Session:
    """Load weights into the engine.

    Raises:
        SetupError: no engine reads the file, or it cannot run with these options.
    """
    if weights.suffix == ".onnx":
        from podium.engines.onnx_runtime import OnnxRuntimeSession

        return OnnxRuntimeSession(weights, options)
    raise SetupError(f"{weights}: no engine reads it; weights are {' or '.join(PLATFORMS)}")
