"""The count of a network's arithmetic, against closed forms and a published figure."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from podium.errors import SetupError
from podium.zoo.flops import flops_per_row


def network(path: Path, kind: str, weights: list[int], output: list[object], **attributes) -> Path:
    """One node over images of 5 x 6 x 16 x 12 values or rows of 6."""
    shape = ["n", 6, 16, 12] if len(weights) == 4 else ["n", 6]
    kernel = helper.make_tensor("w", TensorProto.FLOAT, weights, [0.0] * _size(weights))
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "w"], ["y"], name="the-node", **attributes)],
        "one-node",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [kernel],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


def _size(shape: list[int]) -> int:
    product = 1
    for n in shape:
        product *= n
    return product


@pytest.mark.parametrize(
    ("kind", "weights", "output", "attributes", "flops"),
    [
        ("Conv", [8, 6, 3, 3], ["n", 8, 7, 5], {"strides": [2, 2]}, 2 * 8 * 7 * 5 * 6 * 9),
        ("Conv", [6, 1, 3, 3], ["n", 6, 14, 10], {"group": 6}, 2 * 6 * 14 * 10 * 9),
        (
            "ConvTranspose",
            [6, 8, 4, 4],
            ["n", 8, 34, 26],
            {"strides": [2, 2]},
            2 * 6 * 16 * 12 * 8 * 16,
        ),
        ("MatMul", [6, 10], ["n", 10], {}, 2 * 6 * 10),
        ("Gemm", [10, 6], ["n", 10], {"transB": 1}, 2 * 6 * 10),
        ("Gemm", [6, 10], ["n", 10], {}, 2 * 6 * 10),
    ],
)
def test_closed_forms(  # noqa: PLR0917 - the columns of the table above
    tmp_path: Path, kind, weights, output, attributes, flops
) -> None:
    path = network(tmp_path / "model.onnx", kind, weights, output, **attributes)
    assert flops_per_row(path) == flops


def test_a_published_figure(shared_data: Path) -> None:
    """1.08 GFLOPs for YOLOX-nano at 416, activations and normalisations counted, which we omit."""
    found = flops_per_row(shared_data / "weights" / "yolox_nano_416.onnx")
    assert 0.95 * 1.08e9 < found < 1.08e9


def test_what_is_no_graph(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(SetupError, match="cannot be counted"):
        flops_per_row(path)
