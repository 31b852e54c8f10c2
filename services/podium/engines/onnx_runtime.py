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

_DTYPES: dict[str, tuple[str, Any]] = {
    "tensor(bool)": ("BOOL", np.bool_),
    "tensor(uint8)": ("UINT8", np.uint8),
    "tensor(int32)": ("INT32", np.int32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(float16)": ("FP16", np.float16),
    "tensor(float)": ("FP32", np.float32),
    "tensor(double)": ("FP64", np.float64),
}


class OnnxRuntimeSession:
    """One ONNX file in ONNX Runtime.

    Args:
        weights: The ``.onnx`` file.
        providers: Execution providers by their ONNX Runtime names, first choice first. All of
            them must be available: nothing falls back silently.
        threads: Threads that one engine call may use.
        max_rows: Rows per engine call; a longer batch is split. On a processor one row at a time
            is as fast as any (measured: 8 rows cost 7 % more per row), takes least memory, and
            makes a result independent of what else is in the batch. Accelerators want more.

    Raises:
        SetupError: a provider is not available, or the file is missing or not a usable model.
    """

    def __init__(
        self,
        weights: Path,
        *,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        threads: int = 1,
        max_rows: int = 1,
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
            self._inputs = tuple(_spec(node) for node in self._session.get_inputs())
            self._outputs = tuple(_spec(node) for node in self._session.get_outputs())
        except Exception as error:  # its exceptions share no base but Exception
            reason = str(error).splitlines()[0]
            raise SetupError(f"{weights}: onnxruntime cannot load it: {reason}") from error
        self._output_names = [spec.name for spec in self._outputs]
        self._output_dtypes = [_DTYPES[node.type][1] for node in self._session.get_outputs()]
        self._max_rows = max_rows

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._outputs

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute every output, for as many rows as the first dimension of the feeds has."""
        rows = len(next(iter(feeds.values())))
        pieces = [
            self._run_piece(feeds, slice(start, start + self._max_rows))
            for start in range(0, rows, self._max_rows)
        ]
        if not pieces:
            return self._no_rows()
        if len(pieces) == 1:
            return dict(zip(self._output_names, pieces[0], strict=True))
        joined = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        return dict(zip(self._output_names, joined, strict=True))

    def _run_piece(self, feeds: Mapping[str, NDArray[Any]], rows: slice) -> list[NDArray[Any]]:
        piece = {name: np.ascontiguousarray(feed[rows]) for name, feed in feeds.items()}
        outputs: list[NDArray[Any]] = self._session.run(self._output_names, piece)
        return outputs

    def _no_rows(self) -> dict[str, NDArray[Any]]:
        return {
            spec.name: np.zeros((0, *(max(n, 0) for n in spec.shape[1:])), dtype)
            for spec, dtype in zip(self._outputs, self._output_dtypes, strict=True)
        }


def _spec(node: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorSpec(node.name, _DTYPES[node.type][0], shape)
