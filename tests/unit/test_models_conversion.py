"""TFLite -> ONNX; that the numbers agree is the matter of tests/accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.engines.options import EngineOptions
from podium.errors import SetupError
from podium.zoo.pull_blazepose import ORIGINAL_FILE
from podium.zoo.tflite_graph import operator_names
from podium.zoo.tflite_to_onnx import convert

OUTPUTS = {"Identity_1": "presence", "Identity_4": "world"}


@pytest.fixture(scope="module")
def original(model_repository: Path) -> bytes:
    return (model_repository / "blazepose-landmark" / "1" / ORIGINAL_FILE).read_bytes()


@pytest.fixture(scope="module")
def converted(original: bytes) -> bytes:
    return convert(original, outputs=OUTPUTS, scale=1 / 255, offset=0, name="test")


def test_keeps_what_the_wanted_outputs_need(converted: bytes, model_repository: Path) -> None:
    small = onnx.load_from_string(converted)
    assert [output.name for output in small.graph.output] == ["presence", "world"]
    assert {opset.domain: opset.version for opset in small.opset_import} == {"": 13}
    whole = onnx.load(model_repository / "blazepose-landmark" / "1" / "model.onnx")
    assert len(small.graph.node) < len(whole.graph.node)
    assert "segmentation" not in str(whole.graph.output)


def test_conversion_is_deterministic(original: bytes, converted: bytes) -> None:
    assert convert(original, outputs=OUTPUTS, scale=1 / 255, offset=0, name="test") == converted


@pytest.mark.parametrize("rows", [1, 3])
def test_batch_is_dynamic(converted: bytes, tmp_path: Path, rows: int) -> None:
    (tmp_path / "model.onnx").write_bytes(converted)
    session = OnnxRuntimeSession(tmp_path / "model.onnx", EngineOptions(max_rows=8))
    assert session.inputs[0].shape == (-1, 256, 256, 3)
    images = np.random.default_rng(0).integers(0, 256, (rows, 256, 256, 3), np.uint8)
    result = session.run({"images": images})
    assert result["presence"].shape == (rows, 1)
    assert result["world"].shape == (rows, 117)


def test_scale_and_offset_shift_the_pixels(original: bytes, tmp_path: Path) -> None:
    """With scale 1/255 and offset 51/255, a picture is one that is brighter by 51."""
    images = np.random.default_rng(0).integers(0, 200, (1, 256, 256, 3), np.uint8)
    worlds = []
    for offset, pixels in ((51 / 255, images), (0.0, images + 51)):
        data = convert(original, outputs=OUTPUTS, scale=1 / 255, offset=offset, name="test")
        (tmp_path / "model.onnx").write_bytes(data)
        worlds.append(OnnxRuntimeSession(tmp_path / "model.onnx").run({"images": pixels})["world"])
    np.testing.assert_allclose(worlds[0], worlds[1], atol=1e-4)


def test_an_output_that_the_model_lacks(original: bytes) -> None:
    with pytest.raises(SetupError, match="no output Identity_9"):
        convert(original, outputs={"Identity_9": "x"}, scale=1, offset=0, name="test")


def test_attributes_that_python_adds_to_classes_are_no_operators():
    class Schema:
        ADD = 0
        CONV_2D = 3
        __firstlineno__ = 3  # as Python 3.13 has it

    assert operator_names(Schema) == {0: "ADD", 3: "CONV_2D"}
