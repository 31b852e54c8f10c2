"""The ONNX Runtime session, with a real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.engines.session import require_tensors
from podium.errors import SetupError
from podium.wire import TensorSpec


@pytest.fixture(scope="module")
def weights(model_repository: Path) -> Path:
    return model_repository / "blazepose-detector" / "1" / "model.onnx"


@pytest.fixture(scope="module")
def images() -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), np.uint8)


def test_describes_its_tensors(weights: Path) -> None:
    session = OnnxRuntimeSession(weights)
    assert session.inputs == (TensorSpec("images", "UINT8", (-1, 224, 224, 3)),)
    assert session.outputs == (
        TensorSpec("regressors", "FP32", (-1, 2254, 12)),
        TensorSpec("logits", "FP32", (-1, 2254, 1)),
    )


def test_long_batches_are_split(weights: Path, images: NDArray[Any]) -> None:
    whole = OnnxRuntimeSession(weights, max_rows=8).run({"images": images})
    split = OnnxRuntimeSession(weights, max_rows=2).run({"images": images})
    for name, values in whole.items():
        assert values.shape[0] == 5
        np.testing.assert_allclose(split[name], values, atol=1e-3)


def test_threads_change_nothing(weights: Path, images: NDArray[Any]) -> None:
    one = OnnxRuntimeSession(weights, threads=1).run({"images": images[:1]})
    two = OnnxRuntimeSession(weights, threads=2).run({"images": images[:1]})
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, atol=1e-3)


def test_no_rows(weights: Path, images: NDArray[Any]) -> None:
    result = OnnxRuntimeSession(weights).run({"images": images[:0]})
    assert {name: (values.shape, values.dtype.name) for name, values in result.items()} == {
        "regressors": ((0, 2254, 12), "float32"),
        "logits": ((0, 2254, 1), "float32"),
    }


def test_views_that_are_not_contiguous(weights: Path, images: NDArray[Any]) -> None:
    session = OnnxRuntimeSession(weights)
    flipped = images[:1, :, ::-1]
    np.testing.assert_array_equal(
        session.run({"images": flipped})["logits"],
        session.run({"images": flipped.copy()})["logits"],
    )


def test_an_unavailable_provider(weights: Path) -> None:
    with pytest.raises(SetupError, match=r"no provider MadeUpProvider.*CPUExecutionProvider"):
        OnnxRuntimeSession(weights, providers=["MadeUpProvider", "CPUExecutionProvider"])


def test_missing_and_broken_files(tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    for content in (None, b"", b"not a model"):
        if content is not None:
            broken.write_bytes(content)
        with pytest.raises(SetupError, match="cannot load it") as caught:
            OnnxRuntimeSession(broken)
        assert str(broken) in caught.value.message
        assert "\n" not in caught.value.message


def test_require_tensors_names_the_first_misfit(weights: Path) -> None:
    session = OnnxRuntimeSession(weights)
    require_tensors(session, session.inputs, session.outputs[:1])
    wanted = TensorSpec("images", "UINT8", (-1, 256, 256, 3))
    with pytest.raises(SetupError, match=r"input images must be UINT8\[-1, 256, 256, 3\]"):
        require_tensors(session, (wanted,), ())
    with pytest.raises(SetupError, match="output heatmaps"):
        require_tensors(session, (), (TensorSpec("heatmaps", "FP32", (-1,)),))
