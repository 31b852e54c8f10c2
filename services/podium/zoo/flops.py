"""Counts the floating-point operations of a network from its ONNX graph.

Convolutions, transposed convolutions and matrix products are counted; a multiplication and an
addition are two operations. Activations, normalisations and resizing are left out, as is usual:
they are a few per cent. Papers often give half the number, multiply-accumulates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from types import MappingProxyType

import onnx
from onnx import ModelProto, NodeProto, TypeProto

from podium.errors import SetupError

_Shape = tuple[int, ...]
_Shapes = Mapping[str, _Shape]


def flops_per_row(weights: Path) -> int:
    """Floating-point operations for one row of the batch.

    Raises:
        SetupError: the file is not an ONNX graph, or a shape depends on the data.
    """
    try:
        model = onnx.load(weights)
        _set_rows(model, 1)
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except Exception as error:  # protobuf's and onnx's errors have no other common base
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SetupError(f"{weights}: its arithmetic cannot be counted: {reason}") from error
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = _shape(value.type)
    total = 0
    for node in graph.node:
        if node.op_type in _COUNTERS:
            try:
                count = _COUNTERS[node.op_type](node, shapes)
            except (KeyError, IndexError):
                count = 0
            if not count:
                raise SetupError(f"{weights}: the shapes around node {node.name!r} are not known")
            total += count
    return total


def _set_rows(model: ModelProto, rows: int) -> None:
    """Set the batch dimension to a number and drop the shapes inferred from its name."""
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*model.graph.input, *model.graph.output):
        for size in value.type.tensor_type.shape.dim:
            if batch and size.dim_param == batch:
                size.dim_value = rows
    del model.graph.value_info[:]


def _shape(kind: TypeProto) -> _Shape:
    return tuple(size.dim_value for size in kind.tensor_type.shape.dim)


def _convolution(node: NodeProto, shapes: _Shapes) -> int:
    """Every output value is a product with one filter, (in / groups) x kernel."""
    return 2 * prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])


def _transposed_convolution(node: NodeProto, shapes: _Shapes) -> int:
    """Every input value is spread over one filter, (out / groups) x kernel."""
    return 2 * prod(shapes[node.input[0]]) * prod(shapes[node.input[1]][1:])


def _matrix_product(node: NodeProto, shapes: _Shapes) -> int:
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    inner = shapes[node.input[0]][-2 if transposed else -1]
    return 2 * prod(shapes[node.output[0]]) * inner


_COUNTERS: Mapping[str, Callable[[NodeProto, _Shapes], int]] = MappingProxyType(
    {
        "Conv": _convolution,
        "ConvTranspose": _transposed_convolution,
        "Gemm": _matrix_product,
        "MatMul": _matrix_product,
    }
)
