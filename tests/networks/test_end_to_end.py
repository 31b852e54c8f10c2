"""Graphs that decode for themselves give the same tensors as our adapters.

They run in a bare ONNX Runtime, as they do in any other server of ONNX files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from podium.engines.opening import open_session
from podium.errors import InvalidInput
from podium.models.adapter import load_adapter
from podium.models.manifest import Manifest, Task, read_manifest
from podium.networks import families
from podium.networks.end_to_end import end_to_end
from podium.networks.families import Origin
from podium.networks.onnx_export import to_onnx
from podium.networks.publish import Draft
from podium.vision.heatmaps import decode_quarter, pose_confidence
from tests.networks.official_yolox import yolox_nano_of

SMALL = Path(__file__).parent.parent / "models"

Tensors = dict[str, NDArray[Any]]


def run(graph: onnx.ModelProto, images: NDArray[Any]) -> Tensors:
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def require_same(found: Tensors, expected: Tensors) -> None:
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        assert found[name].shape == wanted.shape, name
        assert found[name].dtype == wanted.dtype, name
        assert np.allclose(found[name], wanted, rtol=1e-5, atol=1e-4), name


def small(name: str) -> tuple[Path, Manifest]:
    folder = SMALL / name / "1"
    return folder / "model.onnx", read_manifest(folder / "model.yaml")


@pytest.mark.parametrize(("name", "task"), [("yolox", "detection"), ("hrnet", "pose2d")])
@pytest.mark.parametrize("batch", [1, 5])
def test_random_pictures(name: str, task: Task, batch: int) -> None:
    weights, manifest = small(name)
    random = np.random.default_rng(batch)
    shape = (batch, manifest.input.height, manifest.input.width, 3)
    images = random.integers(0, 256, shape, np.uint8)
    expected = load_adapter(manifest, weights, task, open_session)({"images": images})
    assert all(map(len, expected.values())), "something is found"
    require_same(run(end_to_end(onnx.load(weights), manifest), images), expected)


def test_persons_on_photographs(shared_data: Path, tmp_path: Path) -> None:
    official = shared_data / "weights" / "yolox_nano_416.onnx"
    export = families.yolox(yolox_nano_of(official), 416, Origin("yolox-nano", 1, "-", "-"))
    images = np.full((2, 416, 416, 3), 114, np.uint8)
    for image, name in zip(images, ("000000000785", "000000197388"), strict=True):
        picture = cv2.imread(str(shared_data / "real" / f"{name}.jpg"))[..., ::-1]
        scale = 416 / max(picture.shape)
        height, width = (int(side * scale) for side in picture.shape[:2])
        image[:height, :width] = cv2.resize(picture, (width, height))
    graph = to_onnx(export)
    with Draft(tmp_path, export.manifest, graph) as draft:
        adapter = load_adapter(export.manifest, draft.weights, "detection", open_session)
        expected = adapter({"images": images})
    assert set(expected["image_index"]) == {0, 1}
    assert len(expected["boxes"]) > 4, "one skier, several people"
    require_same(run(end_to_end(graph, export.manifest), images), expected)


def test_nobody() -> None:
    weights, manifest = small("yolox")
    nothing = manifest.model_copy(update={"thresholds": {"score": 1.0, "iou": 0.5}})
    images = np.zeros((2, manifest.input.height, manifest.input.width, 3), np.uint8)
    found = run(end_to_end(onnx.load(weights), nothing), images)
    assert {name: tensor.shape for name, tensor in found.items()} == {
        "boxes": (0, 4),
        "scores": (0,),
        "image_index": (0,),
    }


PIXELS_AS_HEATMAPS = """
<ir_version: 10, opset_import: ["": 18]>
pixels (uint8[N, 12, 8, 3] images) => (float[N, 3, 12, 8] heatmaps)
<float middle = {128.0}, float scale = {100.0}>
{
    planes = Transpose <perm = [0, 3, 1, 2]> (images)
    values = Cast <to = 1> (planes)
    centered = Sub (values, middle)
    heatmaps = Div (centered, scale)
}
"""


def test_heat_maps_with_peaks_everywhere() -> None:
    """The pixels are the heat maps: peaks in every cell, borders and corners included."""
    _, manifest = small("hrnet")
    size = manifest.input.model_copy(update={"height": 48, "width": 32})
    graph = end_to_end(
        onnx.parser.parse_model(PIXELS_AS_HEATMAPS), manifest.model_copy(update={"input": size})
    )
    images = np.random.default_rng(0).integers(0, 200, (96, 12, 8, 3), np.uint8)
    rows, columns = np.divmod(np.arange(96), 8)
    images[np.arange(96), rows, columns, 0] = 255
    images[:, :, :, 2] //= 2  # nowhere above 0

    heatmaps = (images.transpose(0, 3, 1, 2).astype(np.float32) - 128) / 100
    keypoints = decode_quarter(heatmaps)
    assert set(zip(*np.round(keypoints[:, 0, 1::-1].T), strict=True)) == set(
        zip(rows, columns, strict=True)
    )
    assert not keypoints[:, 2, :2].any()
    keypoints[..., :2] *= 4
    keypoints[..., 2] = keypoints[..., 2].clip(0, 1)
    expected = {"keypoints": keypoints, "presence": pose_confidence(keypoints[..., 2])}
    require_same(run(graph, images), expected)


def test_3dmppe_has_no_such_graph() -> None:
    weights, manifest = small("3dmppe")
    with pytest.raises(InvalidInput, match="end to end: is for yolox and hrnet"):
        end_to_end(onnx.load(weights), manifest)
