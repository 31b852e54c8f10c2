"""ONNX Runtime behind ``Session``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from podium.engines.cuda_driver import cuda_driver
from podium.engines.host_buffers import HostBufferedRuns
from podium.engines.onnx_providers import provider_list, require_placement, require_provider
from podium.engines.onnx_tensors import spec_of
from podium.engines.options import EngineOptions
from podium.engines.rows import RunPiece, run_in_pieces
from podium.errors import SetupError
from podium.wire import TensorSpec

_ERRORS_ONLY = 3


class OnnxRuntimeSession:
    """One ONNX file in ONNX Runtime; FP32, FP16 and INT8 weights keep their types.

    On a graphics card every call has its own host buffers and stream, so that with ``in_flight``
    of 2 the copies of one batch overlap with the computation of the other; they share the weights.

    Args:
        weights: The ``.onnx`` file.
        options: Where and how it runs.

    Raises:
        SetupError: the provider cannot run it, or the file is missing or not a usable model.
    """

    def __init__(self, weights: Path, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        require_provider(options.provider)
        ort.disable_telemetry_events()
        try:
            self._session = _open(weights, options)
            self._inputs = tuple(spec_of(node) for node in self._session.get_inputs())
            self._outputs = tuple(spec_of(node) for node in self._session.get_outputs())
        except Exception as error:  # its exceptions have no other common base
            reason = str(error).splitlines()[0]
            raise SetupError(f"{weights}: onnxruntime cannot load it: {reason}") from error
        require_placement(self._session, options.provider)
        self._output_names = [spec.name for spec in self._outputs]
        fixed_rows = self._inputs[0].shape[0]  # of a graph without a batch dimension
        self._max_rows = fixed_rows if fixed_rows > 0 else options.max_rows
        self._run_piece: RunPiece = self._run_on_host
        if options.provider != "cpu":
            self._run_piece = HostBufferedRuns(
                self._session, options.in_flight, cuda_driver().pinned
            )

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._outputs

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute every output, for as many rows as the first dimension of the feeds has."""
        return run_in_pieces(self._run_piece, feeds, self._outputs, self._max_rows)

    def _run_on_host(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        piece = {name: np.ascontiguousarray(feed) for name, feed in feeds.items()}
        outputs: list[NDArray[Any]] = self._session.run(self._output_names, piece)
        return outputs


def _open(weights: Path, options: EngineOptions) -> Any:
    """Open an ONNX Runtime session that does not fall back to another provider."""
    settings = ort.SessionOptions()
    settings.log_severity_level = _ERRORS_ONLY
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    # Spinning idle threads would take the processor from the other services of a node.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Memory plans are kept per input shape, so they help only if the batch size never changes.
    settings.enable_mem_pattern = options.max_rows == 1
    inputs: tuple[TensorSpec, ...] = ()
    if options.provider != "cpu":
        settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if options.provider == "tensorrt":
        inputs = _inputs_of(weights)
        if options.tensorrt_cache is not None:
            options.tensorrt_cache.mkdir(parents=True, exist_ok=True)
    return ort.InferenceSession(
        str(weights), settings, providers=provider_list(options, inputs), enable_fallback=0
    )


def _inputs_of(weights: Path) -> tuple[TensorSpec, ...]:
    """The inputs of a file, read with a session that does not optimise."""
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(weights), settings, providers=["CPUExecutionProvider"])
    return tuple(spec_of(node) for node in session.get_inputs())
