"""The ONNX Runtime session, with a real model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from podium.engines import cuda_driver
from podium.engines.host_buffers import HostBufferedRuns
from podium.engines.onnx_providers import provider_list, require_placement
from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.engines.options import EngineOptions
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
    whole = OnnxRuntimeSession(weights, EngineOptions(max_rows=8)).run({"images": images})
    split = OnnxRuntimeSession(weights, EngineOptions(max_rows=2)).run({"images": images})
    for name, values in whole.items():
        assert values.shape[0] == 5
        np.testing.assert_allclose(split[name], values, atol=1e-3)


def test_threads_change_nothing(weights: Path, images: NDArray[Any]) -> None:
    one = OnnxRuntimeSession(weights, EngineOptions(threads=1)).run({"images": images[:1]})
    two = OnnxRuntimeSession(weights, EngineOptions(threads=2)).run({"images": images[:1]})
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


def test_fp16_weights_load_as_they_are(tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.float16).reshape(3, 2)
    session = OnnxRuntimeSession(doubling_network(tmp_path / "half.onnx", TensorProto.FLOAT16))
    assert session.outputs == (TensorSpec("y", "FP16", (-1, 2)),)
    result = session.run({"x": x})["y"]
    assert result.dtype == np.float16
    np.testing.assert_array_equal(result, x * 2)


def test_a_graph_without_a_batch_dimension_gets_its_rows_one_by_one(tmp_path: Path) -> None:
    weights = doubling_network(tmp_path / "fixed.onnx", TensorProto.FLOAT, rows=1)
    session = OnnxRuntimeSession(weights, EngineOptions(max_rows=8))
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(session.run({"x": x})["y"], x * 2)


def doubling_network(path: Path, kind: int, rows: int | str = "n") -> Path:
    """A graph that says y = x + x."""
    tensors = [helper.make_tensor_value_info(name, kind, [rows, 2]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])], "doubling", tensors[:1], tensors[1:]
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_installed_is_an_error(
    weights: Path, provider: Literal["cuda", "tensorrt"]
) -> None:
    with pytest.raises(SetupError, match=rf"provider {provider}: .*only .*CPUExecutionProvider"):
        OnnxRuntimeSession(weights, EngineOptions(provider=provider))


def test_a_provider_without_a_driver_is_an_error(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(cuda_driver, "LIBRARY", "libcuda-of-no-machine.so.1")
    cuda_driver.cuda_driver.cache_clear()
    with pytest.raises(SetupError, match=r"no NVIDIA driver: libcuda-of-no-machine.so.1"):
        OnnxRuntimeSession(weights, EngineOptions(provider="cuda"))


def test_a_session_that_runs_elsewhere_than_asked_is_an_error(weights: Path) -> None:
    """What ONNX Runtime does when CUDA's libraries are missing: it goes on without them."""
    settings = ort.SessionOptions()
    settings.log_severity_level = 4
    session = ort.InferenceSession(str(weights), settings, providers=["CPUExecutionProvider"])
    with pytest.raises(SetupError, match="did not load CUDAExecutionProvider"):
        require_placement(session, "cuda")


def test_convolutions_that_stay_on_the_processor_are_an_error(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ort.SessionOptions()
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = ort.InferenceSession(str(weights), settings, providers=["CPUExecutionProvider"])
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(session, "get_providers", lambda: both)
    with pytest.raises(SetupError, match=r"\d+ of the \d+ convolutions.*run on the processor"):
        require_placement(session, "cuda")


def test_what_cuda_and_tensorrt_are_told() -> None:
    inputs = [
        TensorSpec("images", "UINT8", (-1, 256, 192, 3)),
        TensorSpec("boxes", "FP32", (-1, 4)),
    ]
    ((name, told),) = provider_list(EngineOptions(provider="cuda"), inputs)
    assert name == "CUDAExecutionProvider"
    assert told["use_tf32"] == "0", "FP32 is FP32"
    options = EngineOptions(
        provider="tensorrt", max_rows=8, tensorrt_fp16=True, tensorrt_cache=Path("engines")
    )
    (name, told), (second, _) = provider_list(options, inputs)
    assert (name, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert told["trt_profile_min_shapes"] == "images:1x256x192x3,boxes:1x4"
    assert told["trt_profile_max_shapes"] == "images:8x256x192x3,boxes:8x4"
    assert told["trt_fp16_enable"] == "True"
    assert told["trt_engine_cache_path"] == "engines"
    fresh = provider_list(EngineOptions(provider="tensorrt"), inputs)[0][1]
    assert fresh["trt_fp16_enable"] == "False"
    assert "trt_engine_cache_path" not in fresh


def test_runs_through_host_buffers_are_the_same(weights: Path, images: NDArray[Any]) -> None:
    """Runs of a graphics card, on the processor: batches of many sizes from several threads."""
    session = ort.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    allocated: list[int] = []

    def allocate(size: int) -> NDArray[np.uint8]:
        allocated.append(size)
        return np.empty(size, np.uint8)

    runs = HostBufferedRuns(session, 2, allocate)
    plain = OnnxRuntimeSession(weights, EngineOptions(max_rows=8))
    batches = [images[:3], images[3:], images[::2], images[:1]] * 3
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda batch: runs({"images": batch}), batches))
    for batch, outputs in zip(batches, found, strict=True):
        wanted = plain.run({"images": batch})
        for spec, values in zip(plain.outputs, outputs, strict=True):
            np.testing.assert_allclose(values, wanted[spec.name], atol=1e-4)
    assert len(allocated) <= 2 * 3 * 3, "buffers of a run are not kept"


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
