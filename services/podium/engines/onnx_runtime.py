"""ONNX Runtime behind ``Session``; the only module that imports onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from podium.errors import SetupError
from podium.wire import TensorSpec

_ERRORS_ONLY = 3

_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
}


class OnnxRuntimeSession:
    """One ONNX file in ONNX Runtime.

    Args:
        weights: The ``.onnx`` file.
        providers: Execution providers by their ONNX Runtime names, first choice first. All of
            them must be available: nothing falls back silently.
        threads: Threads that one ``run`` may use.

    Raises:
        SetupError: a provider is not available, or the file is missing or not a usable model.
    """

    def __init__(
        self,
        weights: Path,
        *,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        threads: int = 1,
    ) -> None:
        available = ort.get_available_providers()
        if missing := [name for name in providers if name not in available]:
            raise SetupError(
                f"onnxruntime has no provider {', '.join(missing)} here; it has "
                f"{', '.join(available)}. Choose one of these or install another onnxruntime."
            )
        ort.disable_telemetry_events()
        options = ort.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Idle threads that spin would take the processor from the other services of a node.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Memory plans are kept per input shape, and the batch size changes from run to run.
        options.enable_mem_pattern = False
        try:
            self._session = ort.InferenceSession(str(weights), options, providers=list(providers))
        except Exception as error:  # its exceptions share no base but Exception
            reason = str(error).splitlines()[0]
            raise SetupError(f"{weights}: onnxruntime cannot load it: {reason}") from error
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())
        self._output_names = [spec.name for spec in self.outputs]

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute every output; a call for an empty batch is the caller's to avoid."""
        contiguous = {name: np.ascontiguousarray(feed) for name, feed in feeds.items()}
        outputs = self._session.run(self._output_names, contiguous)
        return dict(zip(self._output_names, outputs, strict=True))


def _spec(node: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorSpec(node.name, _DATATYPES.get(node.type, node.type), shape)
