"""Makes ONNX Runtime compute on the processor, with CUDA or with TensorRT, without fallback.

By itself, ONNX Runtime goes on without a provider that it cannot load, and runs nodes that a
provider lacks on the processor; both only write a line to its log. Here both are errors.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnxruntime as ort

from podium.engines.cuda_driver import cuda_driver
from podium.engines.options import EngineOptions, Provider
from podium.errors import SetupError
from podium.wire import TensorSpec

NAMES: dict[Provider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}

_HEAVY = frozenset({"Conv", "ConvTranspose", "FusedConv", "Gemm", "MatMul", "QLinearConv"})
_LIBRARIES_REMEDY = (
    "use the GPU image, or install the CUDA and cuDNN that this onnxruntime-gpu is made for "
    "(and TensorRT, for tensorrt)"
)


def require_provider(provider: Provider) -> None:
    """Check, before any model is loaded, that the provider can run.

    Raises:
        SetupError: something is missing; the message names it and the remedy.
    """
    name, available = NAMES[provider], ort.get_available_providers()
    if name not in available:
        raise SetupError(
            f"provider {provider}: {ort.package_name} {ort.__version__} has no {name}, only "
            f"{', '.join(available)}. Use the GPU image, install the engine-gpu extra in place of "
            "engine-cpu, or set PODIUM_PROVIDER=cpu"
        )
    if provider != "cpu":
        try:
            cuda_driver()
        except SetupError as error:
            raise SetupError(f"provider {provider}: {error.message}") from error


def missing_library(provider: Provider) -> str | None:
    """The system loader's message about the provider's first missing library; None: all found."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the libraries that it misses
        ort.preload_dlls()
    folder = Path(ort.__file__).parent / "capi"
    for part in ("shared", provider):
        library = folder / f"libonnxruntime_providers_{part}.so"
        try:
            if library.is_file():
                ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            return str(error)
    return None


def provider_list(
    options: EngineOptions, inputs: Iterable[TensorSpec]
) -> list[tuple[str, dict[str, str]]]:
    """The argument ``providers`` of an ONNX Runtime session.

    Args:
        options: Options of the engine.
        inputs: Inputs of the weights; TensorRT builds an engine for their shapes.
    """
    if options.provider == "cpu":
        return [(NAMES["cpu"], {})]
    cuda = {
        # Batches differ in size; trying every algorithm for each size would stall requests.
        "cudnn_conv_algo_search": "HEURISTIC",
        # Models share a card with each other and with other pods: do not double the memory.
        "arena_extend_strategy": "kSameAsRequested",
        # Compute FP32 weights in FP32, not in TF32 with its 10 bits; FP16 weights are faster.
        "use_tf32": "0",
    }
    providers = [(NAMES["cuda"], cuda)]
    if options.provider == "tensorrt":
        providers.insert(0, (NAMES["tensorrt"], _tensorrt(options, inputs)))
    return providers


def require_placement(session: Any, provider: Provider) -> None:
    """Check that a session computes on its provider.

    Shape arithmetic may run on the processor; convolutions and matrix products may not.

    Raises:
        SetupError: the provider was not loaded, or does not run all of these nodes.
    """
    name = NAMES[provider]
    if name not in session.get_providers():
        reason = missing_library(provider) or "its log says why"
        raise SetupError(
            f"provider {provider}: onnxruntime did not load {name}: {reason}; {_LIBRARIES_REMEDY}"
        )
    if provider == "cpu":
        return
    placed = [
        (part.ep_name, node)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
        if node.op_type in _HEAVY
    ]
    left = [node for where, node in placed if where == NAMES["cpu"]]
    if left:
        raise SetupError(
            f"provider {provider}: {len(left)} of the {len(placed)} convolutions and matrix "
            f"products would run on the processor, such as {left[0].op_type} {left[0].name!r}; "
            "use FP32 or FP16 weights on a GPU, and INT8 ones with PODIUM_PROVIDER=cpu"
        )


def _tensorrt(options: EngineOptions, inputs: Iterable[TensorSpec]) -> dict[str, str]:
    """One engine for every batch size from 1 to ``max_rows``, tuned for the largest."""
    found = {
        "trt_fp16_enable": str(options.tensorrt_fp16),
        "trt_profile_min_shapes": _shapes(inputs, 1),
        "trt_profile_opt_shapes": _shapes(inputs, options.max_rows),
        "trt_profile_max_shapes": _shapes(inputs, options.max_rows),
    }
    if options.tensorrt_cache is not None:
        folder = str(options.tensorrt_cache)
        found |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": folder,
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": folder,
        }
    return found


def _shapes(inputs: Iterable[TensorSpec], rows: int) -> str:
    """TensorRT's notation, ``name:1x256x256x3,name2:1x4``."""
    return ",".join(
        f"{spec.name}:" + "x".join(str(rows if size < 0 else size) for size in spec.shape)
        for spec in inputs
    )
