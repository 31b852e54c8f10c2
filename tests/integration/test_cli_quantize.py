"""``podium models quantize``: an INT8 copy that still sees, beside an untouched original."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.models.manifest import InputSize, LetterboxRule, Manifest, write_manifest
from podium.models.repository import ModelRepository
from podium.zoo.quantize import quantize


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "podium", "models", "quantize", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def repository(shared_data: Path, tmp_path: Path) -> Path:
    """With YOLOX-nano and its official weights."""
    folder = tmp_path / "yolox-nano" / "1"
    folder.mkdir(parents=True)
    weights = shared_data / "weights" / "yolox_nano_416.onnx"
    shutil.copy(weights, folder / "model.onnx")
    manifest = Manifest(
        manifest_version=1,
        name="yolox-nano",
        version=1,
        family="yolox",
        tasks=("detection",),
        weights="model.onnx",
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        input=InputSize(height=416, width=416, color="bgr", layout="nchw"),
        letterbox=LetterboxRule(anchor="top_left", fill=114),
        thresholds={"score": 0.3},
        license="Apache-2.0",
        source="Megvii",
    )
    write_manifest(folder / "model.yaml", manifest)
    return tmp_path


def test_the_copy_of_a_detector_finds_the_same_persons(repository: Path, shared_data: Path) -> None:
    clip = shared_data / "real" / "balance_beam_cam01.mp4"
    answer = command("yolox-nano", "--frames", clip, "--every", 5, "--repository", repository)
    assert answer.returncode == 0, answer.stderr
    figures = {
        line.rsplit(maxsplit=1)[0].strip(): line.rsplit(maxsplit=1)[1]
        for line in answer.stdout.splitlines()
        if line.rsplit(maxsplit=1)[1:]
    }
    persons = float(figures["persons that FP32 finds"])
    assert persons >= 5
    assert float(figures["of these INT8 finds"]) >= 0.7 * persons
    assert float(figures["mean shift of a box side, px"]) < 5

    original, copy = (
        ModelRepository(repository).resolve(n) for n in ("yolox-nano", "yolox-nano-int8")
    )
    assert copy.manifest.precision == "int8"
    assert original.manifest.sha256 in copy.manifest.source
    small, large = (m.verified_weights().stat().st_size for m in (copy, original))
    assert small < 0.7 * large
    again = command("yolox-nano-int8", "--frames", clip, "--repository", repository)
    assert again.returncode == 1
    assert "is int8, not fp32" in again.stderr


@pytest.mark.parametrize(
    ("frames", "reason"),
    [("000000000785.jpg", "two are the least"), ("coco_keypoints_2images.json", "holds no video")],
)
def test_too_little_to_see(repository: Path, shared_data: Path, frames: str, reason: str) -> None:
    path = shared_data / "real" / frames
    answer = command("yolox-nano", "--frames", path, "--repository", repository)
    assert answer.returncode == 1
    assert reason in answer.stderr
    assert "Traceback" not in answer.stderr
    assert [path.name for path in repository.iterdir()] == ["yolox-nano"]


def test_which_layers_stay_as_they_are(model_repository: Path) -> None:
    """The first and last convolutions and the depthwise ones, and all around the network."""
    weights = model_repository / "blazepose-detector" / "1" / "model.onnx"
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    graph = quantize(weights, [{"images": images}]).graph
    integer = {i.name for i in graph.initializer if i.data_type == onnx.TensorProto.INT8}
    made = {node.output[0]: node for node in graph.node}

    def is_integer(node: onnx.NodeProto) -> bool:
        maker = made.get(node.input[1])
        return maker is not None and maker.input[0] in integer

    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    grouped = [n for n in convolutions if any(a.name == "group" and a.i > 1 for a in n.attribute)]
    assert grouped
    assert not any(map(is_integer, grouped))
    assert not is_integer(convolutions[0])
    assert sum(map(is_integer, convolutions)) >= len(convolutions) // 3
    before = OnnxRuntimeSession(weights)
    assert [(i.name) for i in graph.input] == [spec.name for spec in before.inputs]
    assert [(o.name) for o in graph.output] == [spec.name for spec in before.outputs]
