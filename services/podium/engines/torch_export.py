"""Programs of ``torch.export`` behind ``Session``; imported only when a model is one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.engines.options import EngineOptions
from podium.engines.rows import run_in_pieces
from podium.errors import SetupError
from podium.wire import TensorSpec

try:
    import torch
    from torch import Tensor

    from podium.engines.pt2_program import Program
except ImportError as missing:
    raise SetupError(
        "a .pt2 model needs torch, which is not installed here; export the model as ONNX, or use "
        "an image with torch"
    ) from missing

_DATATYPES = {
    torch.bool: "BOOL",
    torch.uint8: "UINT8",
    torch.int32: "INT32",
    torch.int64: "INT64",
    torch.float16: "FP16",
    torch.float32: "FP32",
    torch.float64: "FP64",
}


class TorchSession:
    """One ``.pt2`` file in torch, eager or compiled, on a processor or by CUDA.

    On a graphics card every thread has a stream of its own and copies through pinned memory, so
    that the copies of one batch run beside the computing of another.

    Args:
        weights: The file; it is read as data (``pt2_program``), never unpickled.
        options: Where and how it runs.

    Raises:
        SetupError: it cannot run there, or the file is not a usable program.
    """

    def __init__(self, weights: Path, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        self._device = _device(options)
        program = Program(weights, self._device)
        module = program.module.to(self._device)
        self._run: Any = torch.compile(module, dynamic=True) if options.torch_compile else module
        self._inputs = tuple(_spec(*facts) for facts in program.inputs)
        self._outputs = tuple(_spec(*facts) for facts in program.outputs)
        self._max_rows = options.max_rows
        self._of_thread = threading.local()

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._outputs

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute every output, for as many rows as the first dimension of the feeds has."""
        return run_in_pieces(self._run_piece, feeds, self._outputs, self._max_rows)

    def _run_piece(self, feeds: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        arrays = (np.ascontiguousarray(feeds[spec.name]) for spec in self._inputs)
        tensors = [torch.from_numpy(array) for array in arrays]
        with torch.inference_mode():
            if self._device.type == "cpu":
                return [output.numpy() for output in self._run(*tensors)]
            return [output.numpy() for output in self._run_by_cuda(tensors)]

    def _run_by_cuda(self, tensors: list[Tensor]) -> list[Tensor]:
        if not hasattr(self._of_thread, "stream"):
            cuda: Any = torch.cuda  # its streams have no types
            self._of_thread.stream = cuda.Stream(self._device)
        with torch.cuda.stream(self._of_thread.stream):
            placed = [t.pin_memory().to(self._device, non_blocking=True) for t in tensors]
            outputs = [
                torch.empty(each.shape, dtype=each.dtype, pin_memory=True).copy_(
                    each, non_blocking=True
                )
                for each in self._run(*placed)
            ]
            self._of_thread.stream.synchronize()
        return outputs


def _device(options: EngineOptions) -> torch.device:
    """Where to run. Raises SetupError where that is not to be had."""
    if options.provider == "cpu":
        torch.set_num_threads(options.threads)
        return torch.device("cpu")
    if options.provider == "tensorrt":
        raise SetupError("provider tensorrt: torch models run with cpu or cuda; or export as ONNX")
    if not torch.cuda.is_available():
        raise SetupError(
            f"provider cuda: torch {torch.__version__} sees no GPU; install a torch that is built "
            "for CUDA, and assign a GPU to the container"
        )
    torch.backends.cudnn.allow_tf32 = False  # 10 bits where FP32 has 23; FP16 weights are quicker
    return torch.device("cuda")


def _spec(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> TensorSpec:
    return TensorSpec(name, _DATATYPES[dtype], shape)
