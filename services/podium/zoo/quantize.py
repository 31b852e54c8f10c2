"""INT8 copies of networks for processors: static quantisation of an ONNX graph.

Convolutions and matrix products get INT8 weights with a scale per output channel, and UINT8
activations with ranges from calibration. The first and the last of them stay FP32, as is usual,
since raw pixels and final values need more than 256 levels; so do depthwise convolutions, whose few
weights per channel would lose most and gain nothing. Source: Jacob et al., "Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from podium.engines.recording import Feeds
from podium.errors import SetupError

try:
    import onnx
    import onnxruntime as ort
    from onnx import ModelProto, NodeProto, version_converter
    from onnxruntime import quantization
except ImportError as missing:
    raise SetupError(
        f"{missing.name} is missing, which quantisation needs; install Podium with its `convert` "
        "extra"
    ) from missing

_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_QUANTIZED = ("Conv", "Gemm", "MatMul", "Add", "Relu", "MaxPool")
_MIN_OPSET = 13  # the first with a scale per channel
_OPSET = 17


class _Rows(quantization.CalibrationDataReader):  # type: ignore[misc]  # it has no types
    def __init__(self, calls: Iterable[Feeds]) -> None:
        self._rows = (
            {name: feed[row : row + 1] for name, feed in feeds.items()}
            for feeds in calls
            for row in range(len(next(iter(feeds.values()))))
        )

    def get_next(self) -> Feeds | None:
        return next(self._rows, None)


def quantize(weights: Path, calls: Iterable[Feeds]) -> ModelProto:
    """Make the INT8 copy of a network; its inputs and outputs do not change.

    Args:
        weights: The FP32 graph.
        calls: The feeds of its adapter for the calibration pictures.

    Raises:
        SetupError: the graph cannot be quantised.
    """
    with tempfile.TemporaryDirectory(prefix="podium-quantize-") as folder, _quiet():
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        try:
            onnx.save(_upgraded(onnx.load(weights)), source)
            _fold_constants(source)
            model = onnx.load(source)
            quantization.quantize_static(
                source,
                target,
                _Rows(calls),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=list(_QUANTIZED),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_exclude=sorted(_kept_in_fp32(model)),
            )
            return onnx.load(target)
        except Exception as error:  # the quantiser's errors have no other common base
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise SetupError(f"{weights}: cannot be quantised: {reason}") from error


def _upgraded(model: ModelProto) -> ModelProto:
    """The graph with an operator set that has scales per channel, and with all nodes named."""
    versions = {opset.domain: opset.version for opset in model.opset_import}
    if versions.get("", 0) < _MIN_OPSET:
        model = version_converter.convert_version(model, _OPSET)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    return model


def _fold_constants(path: Path) -> None:
    """Replace weights that the graph computes, such as from FP16, by constants."""
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    settings.optimized_model_filepath = str(path)
    ort.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def _kept_in_fp32(model: ModelProto) -> set[str]:
    """Names of the nodes that stay FP32: to the first product, from the last ones, depthwise."""
    nodes = list(model.graph.node)
    makers = {name: [node] for node in nodes for name in node.output}
    users: dict[str, list[NodeProto]] = {}
    for node in nodes:
        for name in node.input:
            users.setdefault(name, []).append(node)
    first = _until_product([v.name for v in model.graph.input], users, forward=True)
    last = _until_product([v.name for v in model.graph.output], makers, forward=False)
    return first | last | {node.name for node in nodes if _is_depthwise(node)}


def _until_product(
    tensors: list[str], neighbours: dict[str, list[NodeProto]], *, forward: bool
) -> set[str]:
    """Names of the nodes from these tensors to the next products, including those."""
    found: set[str] = set()
    while tensors:
        for node in neighbours.get(tensors.pop(), ()):
            if node.name not in found:
                found.add(node.name)
                if node.op_type not in _PRODUCTS:
                    tensors += node.output if forward else node.input
    return found


def _is_depthwise(node: NodeProto) -> bool:
    return node.op_type == "Conv" and any(a.name == "group" and a.i > 1 for a in node.attribute)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the quantiser's output about its internals."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
