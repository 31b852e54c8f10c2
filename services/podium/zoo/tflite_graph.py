"""Reading a TFLite file: operators, shapes, and constants with sparse ones expanded.

Source: the TFLite schema (schema.fbs), through the ``tflite`` package generated from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tflite
from numpy.typing import NDArray

from podium.errors import SetupError
from podium.types import Int64


def operator_names(schema: type) -> dict[int, str]:
    """Code -> name, from the schema's class of operators.

    Python's own attributes of the class are left out; some are numbers, such as
    ``__firstlineno__`` since 3.13.
    """
    return {code: name for name, code in vars(schema).items() if not name.startswith("_")}


_OPERATOR_NAMES = operator_names(tflite.BuiltinOperator)
_DTYPES = {
    tflite.TensorType.FLOAT32: np.dtype("<f4"),
    tflite.TensorType.FLOAT16: np.dtype("<f2"),
    tflite.TensorType.INT32: np.dtype("<i4"),
}


_OPTIONS: dict[str, Callable[[], Any]] = {
    "ADD": tflite.AddOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "DEPTH_TO_SPACE": tflite.DepthToSpaceOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
}


class Operator(NamedTuple):
    """One operator of the TFLite graph."""

    kind: str
    inputs: list[int]  # tensor numbers; -1: absent
    output: int
    options: Any  # the schema's option table of this kind


class TfliteGraph:
    """The only subgraph of a TFLite model; tensors are identified by numbers."""

    def __init__(self, model: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(model, 0)
        self._graph = self._model.Subgraphs(0)
        self.constants: dict[int, NDArray[Any]] = {}  # cache; a converter may add folded ones
        self.input = int(self._graph.Inputs(0))
        self.outputs = {
            self._graph.Tensors(number).Name().decode(): int(number)
            for number in self._graph.OutputsAsNumpy()
        }

    def shape(self, number: int) -> list[int]:
        """The shape of a tensor; [] for a scalar."""
        tensor = self._graph.Tensors(number)
        return [int(n) for n in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []

    def live_operators(self, wanted: set[int]) -> list[Operator]:
        """The operators on which the wanted tensors depend, in order."""
        needed = set(wanted)
        live = []
        for k in reversed(range(self._graph.OperatorsLength())):
            operator = self._operator(k)
            if operator.output in needed:
                needed.update(operator.inputs)
                live.append(operator)
        return live[::-1]

    def _operator(self, k: int) -> Operator:
        raw = self._graph.Operators(k)
        kind = _OPERATOR_NAMES[self._model.OperatorCodes(raw.OpcodeIndex()).BuiltinCode()]
        options = None
        if (table := raw.BuiltinOptions()) is not None and kind in _OPTIONS:
            options = _OPTIONS[kind]()
            options.Init(table.Bytes, table.Pos)
        return Operator(kind, raw.InputsAsNumpy().tolist(), int(raw.Outputs(0)), options)

    def constant(self, number: int) -> NDArray[Any] | None:
        """The value of a constant tensor, or None for one that is computed."""
        if number in self.constants:
            return self.constants[number]
        tensor = self._graph.Tensors(number)
        buffer = self._model.Buffers(tensor.Buffer())
        if not buffer.DataLength():
            return None
        if tensor.Type() not in _DTYPES:
            raise SetupError(f"TFLite tensor {tensor.Name().decode()} has an unsupported type")
        values: NDArray[Any] = buffer.DataAsNumpy().view(_DTYPES[tensor.Type()])
        if tensor.Sparsity() is None:
            values = values.reshape(self.shape(number))
        else:
            values = densify(values, self.shape(number), tensor.Sparsity())
        self.constants[number] = values
        return values


def densify(values: NDArray[Any], shape: list[int], sparsity: Any) -> NDArray[Any]:
    """Expand a sparse constant: TFLite's nested dense and CSR levels, with optional blocks.

    Args:
        values: (V,) the stored values, in the order of the leaves.
        shape: The dense shape, rank R.
        sparsity: The schema's ``SparsityParameters``. Its levels are, in traversal order, the R
            dimensions (of blocks, where a dimension is blocked) and then the blocked dimensions
            inside a block.

    Returns:
        The dense array.
    """
    rank = len(shape)
    order = sparsity.TraversalOrderAsNumpy()
    blocked = sparsity.BlockMapAsNumpy() if sparsity.BlockMapLength() else np.zeros(0, int)
    nodes = 1  # of the tree, at the current level
    position = [np.zeros(nodes, np.int64) for _ in range(rank + len(blocked))]
    block_size = np.ones(rank, np.int64)
    for level, dimension in enumerate(order):
        meta = sparsity.DimMetadata(level)
        if meta.Format() == tflite.DimensionType.DENSE:
            size = meta.DenseSize()
            parent = np.repeat(np.arange(nodes), size)
            index = np.tile(np.arange(size), nodes)
            if dimension >= rank:
                block_size[blocked[dimension - rank]] = size
        else:
            starts = _index_vector(meta.ArraySegmentsType(), meta.ArraySegments())
            parent = np.repeat(np.arange(nodes), np.diff(starts))
            index = _index_vector(meta.ArrayIndicesType(), meta.ArrayIndices())
        position = [p[parent] for p in position]
        position[dimension] = index
        nodes = len(index)
    for inner, dimension in enumerate(blocked):
        position[dimension] = position[dimension] * block_size[dimension] + position[rank + inner]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(position[:rank])] = values
    return dense


def _index_vector(kind: int, table: Any) -> Int64:
    vectors = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }
    vector = vectors[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)
