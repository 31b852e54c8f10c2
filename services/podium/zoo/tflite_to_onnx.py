"""TFLite -> ONNX for the default models: float graphs of the twelve operators that they use.

The whole graph is channels-first, as ONNX convolutions are: a rank-4 tensor is NHWC in TFLite and
NCHW here, and is transposed only at the input, before a reshape, and at a rank-4 output. The batch
dimension is dynamic. Weights stay float16 with a Cast, which engines fold when they load the graph.

The input becomes uint8 NHWC and is normalised inside the graph, so that a model takes the images
that the services exchange, and any ONNX server can serve it.

Source: the operator definitions of the TFLite schema and of ONNX opset 13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import tflite
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from podium.errors import SetupError
from podium.zoo.tflite_graph import Operator, TfliteGraph

OPSET = 13
IR_VERSION = 8

_TO_NCHW = [0, 3, 1, 2]
_TO_NHWC = [0, 2, 3, 1]


def convert(
    model: bytes, *, outputs: Mapping[str, str], scale: float, offset: float, name: str
) -> bytes:
    """Convert a single-input TFLite model.

    Args:
        model: The TFLite file.
        outputs: TFLite output -> ONNX output. Nodes that only other outputs need are left out.
        scale: The network sees ``images * scale + offset``.
        offset: See ``scale``.
        name: Name of the ONNX graph.

    Returns:
        An ONNX file with the input ``images`` UINT8[N, H, W, C] and the named outputs, in TFLite's
        layout.

    Raises:
        SetupError: the model has an operator, a type or an option that this converter lacks.
    """
    return _Converter(TfliteGraph(model)).convert(outputs, scale, offset, name)


class _Converter:
    """The ONNX graph under construction; TFLite tensor 7 is called ``t7`` in it."""

    def __init__(self, source: TfliteGraph) -> None:
        self.source = source
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def convert(self, outputs: Mapping[str, str], scale: float, offset: float, name: str) -> bytes:
        if missing := set(outputs) - set(self.source.outputs):
            raise SetupError(f"{name}: the TFLite model has no output {', '.join(sorted(missing))}")
        wanted = {self.source.outputs[source]: target for source, target in outputs.items()}

        self._normalise_input(scale, offset)
        for operator in self.source.live_operators(set(wanted)):
            self._emit(operator)
        for number, target in wanted.items():
            self._finish_output(number, target)

        _, *image = self.source.shape(self.source.input)
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", *image])],
            [
                helper.make_tensor_value_info(
                    target, TensorProto.FLOAT, ["N", *self.source.shape(number)[1:]]
                )
                for number, target in wanted.items()
            ],
            list(self.initializers.values()),
        )
        result = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="podium",
        )
        onnx.checker.check_model(result, full_check=True)
        data: bytes = result.SerializeToString(deterministic=True)
        return data

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def _initializer(self, name: str, value: NDArray[Any]) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(value, name)
        return name

    def _weights(self, number: int, axes: list[int] | None = None) -> str:
        value = self.source.constant(number)
        if value is None:
            raise SetupError(f"TFLite tensor {number} must be constant")
        stored = self._initializer(f"w{number}", value if axes is None else value.transpose(axes))
        if value.dtype != np.float16:
            return stored
        cast = f"{stored}_f32"
        if not any(node.name == cast for node in self.nodes):
            self._node("Cast", [stored], cast, to=TensorProto.FLOAT)
        return cast

    def _normalise_input(self, scale: float, offset: float) -> None:
        nchw = self._node("Transpose", ["images"], "images_nchw", perm=_TO_NCHW)
        values = self._node("Cast", [nchw], "images_f32", to=TensorProto.FLOAT)
        factor = self._initializer("scale", np.array(scale, np.float32))
        result = f"t{self.source.input}"
        if not offset:
            self._node("Mul", [values, factor], result)
            return
        scaled = self._node("Mul", [values, factor], "images_scaled")
        shift = self._initializer("offset", np.array(offset, np.float32))
        self._node("Add", [scaled, shift], result)

    def _finish_output(self, number: int, target: str) -> None:
        if len(self.source.shape(number)) == 4:
            self._node("Transpose", [f"t{number}"], target, perm=_TO_NHWC)
        else:
            self._node("Identity", [f"t{number}"], target)

    def _emit(self, op: Operator) -> None:
        if op.kind not in _EMITTERS:
            raise SetupError(f"the converter has no TFLite operator {op.kind}")
        _EMITTERS[op.kind](self, op)

    def _activated(self, op: Operator, kind: str, inputs: list[str], **attributes: Any) -> None:
        """Emit a node and the activation that TFLite fuses into it."""
        activation = op.options.FusedActivationFunction()
        result = f"t{op.output}"
        if activation == tflite.ActivationFunctionType.NONE:
            self._node(kind, inputs, result, **attributes)
            return
        before = self._node(kind, inputs, f"{result}_linear", **attributes)
        if activation == tflite.ActivationFunctionType.RELU:
            self._node("Relu", [before], result)
        elif activation == tflite.ActivationFunctionType.RELU6:
            low = self._initializer("zero", np.array(0, np.float32))
            high = self._initializer("six", np.array(6, np.float32))
            self._node("Clip", [before, low, high], result)
        else:
            raise SetupError(f"the converter has no TFLite activation {activation}")

    def _window(self, op: Operator, kernel: list[int]) -> dict[str, list[int]]:
        """Strides and explicit padding; TFLite's SAME puts an odd pixel at the end."""
        strides = [op.options.StrideH(), op.options.StrideW()]
        pads = [[0, 0], [0, 0]]
        if op.options.Padding() == tflite.Padding.SAME:
            size = self.source.shape(op.inputs[0])[1:3]
            for axis, (n, k, s) in enumerate(zip(size, kernel, strides, strict=True)):
                total = max((-(-n // s) - 1) * s + k - n, 0)
                pads[axis] = [total // 2, total - total // 2]
        begin, end = zip(*pads, strict=True)
        return {"kernel_shape": kernel, "strides": strides, "pads": [*begin, *end]}

    def _convolution(self, op: Operator) -> None:
        depthwise = op.kind == "DEPTHWISE_CONV_2D"
        if (op.options.DilationHFactor(), op.options.DilationWFactor()) != (1, 1):
            raise SetupError("the converter has no dilated convolution")
        source, weights, *bias = op.inputs
        kernel = self.source.shape(weights)[1:3]  # OHWI, depthwise 1HWO
        axes = [3, 0, 1, 2] if depthwise else [0, 3, 1, 2]
        inputs = [f"t{source}", self._weights(weights, axes)]
        inputs += [self._weights(number) for number in bias if number >= 0]
        group = self.source.shape(source)[3] if depthwise else 1
        self._activated(op, "Conv", inputs, group=group, **self._window(op, kernel))

    def _add(self, op: Operator) -> None:
        self._activated(op, "Add", [f"t{number}" for number in op.inputs])

    def _pad(self, op: Operator) -> None:
        amounts = self.source.constant(op.inputs[1])  # (4, 2) NHWC, begin and end
        if amounts is None:
            raise SetupError("the converter has no computed padding")
        pads = amounts[_TO_NCHW].T.reshape(-1).astype(np.int64)
        inputs = [f"t{op.inputs[0]}", self._initializer(f"pads{op.inputs[1]}", pads)]
        self._node("Pad", inputs, f"t{op.output}", mode="constant")

    def _max_pool(self, op: Operator) -> None:
        kernel = [op.options.FilterHeight(), op.options.FilterWidth()]
        self._activated(op, "MaxPool", [f"t{op.inputs[0]}"], **self._window(op, kernel))

    def _resize(self, op: Operator) -> None:
        if op.options.AlignCorners() or not op.options.HalfPixelCenters():
            raise SetupError("the converter has half-pixel bilinear resizing only")
        before, after = self.source.shape(op.inputs[0])[1:3], self.source.shape(op.output)[1:3]
        scales = np.array([1, 1, after[0] / before[0], after[1] / before[1]], np.float32)
        inputs = [f"t{op.inputs[0]}", "", self._initializer(f"scales{op.output}", scales)]
        self._node(
            "Resize",
            inputs,
            f"t{op.output}",
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _depth_to_space(self, op: Operator) -> None:
        block = op.options.BlockSize()
        inputs = [f"t{op.inputs[0]}"]
        self._node("DepthToSpace", inputs, f"t{op.output}", blocksize=block, mode="DCR")

    def _logistic(self, op: Operator) -> None:
        self._node("Sigmoid", [f"t{op.inputs[0]}"], f"t{op.output}")

    def _reshape(self, op: Operator) -> None:
        """Reshape in TFLite's element order; 0 in the shape keeps the batch dimension."""
        source = f"t{op.inputs[0]}"
        before, after = self.source.shape(op.inputs[0]), self.source.shape(op.output)
        if before[0] != 1 or after[0] != 1 or len(after) == 4:
            raise SetupError("the converter has no reshape across the batch or to an image")
        if len(before) == 4:
            source = self._node("Transpose", [source], f"t{op.output}_nhwc", perm=_TO_NHWC)
        shape = self._initializer(f"shape{op.output}", np.array([0, *after[1:]], np.int64))
        self._node("Reshape", [source, shape], f"t{op.output}")

    def _concatenation(self, op: Operator) -> None:
        rank = len(self.source.shape(op.output))
        axis = op.options.Axis() % rank
        if rank == 4:
            axis = _TO_NCHW.index(axis)
        self._activated(op, "Concat", [f"t{number}" for number in op.inputs], axis=axis)

    def _constant_copy(self, op: Operator) -> None:
        """Replace DEQUANTIZE (from float16) or DENSIFY of a constant by its value."""
        value = self.source.constant(op.inputs[0])
        if value is None:
            raise SetupError(f"the converter has {op.kind} of constants only")
        self.source.constants[op.output] = value


_EMITTERS: dict[str, Callable[[_Converter, Operator], None]] = {
    "ADD": _Converter._add,
    "CONCATENATION": _Converter._concatenation,
    "CONV_2D": _Converter._convolution,
    "DENSIFY": _Converter._constant_copy,
    "DEPTHWISE_CONV_2D": _Converter._convolution,
    "DEPTH_TO_SPACE": _Converter._depth_to_space,
    "DEQUANTIZE": _Converter._constant_copy,
    "LOGISTIC": _Converter._logistic,
    "MAX_POOL_2D": _Converter._max_pool,
    "PAD": _Converter._pad,
    "RESHAPE": _Converter._reshape,
    "RESIZE_BILINEAR": _Converter._resize,
}
