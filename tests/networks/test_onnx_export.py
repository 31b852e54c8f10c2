"""Exported graphs compute what torch computes, and are of the form that Podium serves."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from podium.engines.opening import open_session
from podium.errors import InvalidInput, SetupError
from podium.models.adapter import load_adapter
from podium.networks import families
from podium.networks.families import Export, Origin
from podium.networks.hrnet import HRNet
from podium.networks.onnx_export import (
    TOLERANCE,
    Difference,
    compare,
    require_parity,
    to_onnx,
)
from podium.networks.publish import Draft
from podium.networks.served import Precision
from podium.networks.three_dmppe import PoseNet, RootNet
from podium.networks.yolox import VARIANTS, YOLOX
from tests.networks import small_models
from tests.networks.official_yolox import yolox_nano_of

ORIGIN = Origin("network", 1, "Apache-2.0", "random weights")
BATCHES = (1, 3, 8)

FULL: dict[str, Callable[[], Export]] = {
    "yolox-nano": lambda: families.yolox(YOLOX(VARIANTS["nano"]), 416, ORIGIN),
    "yolox-s": lambda: families.yolox(YOLOX(VARIANTS["s"]), 192, ORIGIN),
    "hrnet-w32": lambda: families.hrnet(HRNet(32), 128, 96, ORIGIN),
    "hrnet-w48": lambda: families.hrnet(HRNet(48), 128, 96, ORIGIN),
    "3dmppe": lambda: families.three_dmppe(PoseNet(18), RootNet(), ORIGIN),
}
SMALL: dict[str, Callable[[], Export]] = {
    "yolox": small_models.small_yolox,
    "hrnet": small_models.small_hrnet,
    "3dmppe": small_models.small_three_dmppe,
}


def differences(export: Export, precision: Precision, folder: Path) -> list[Difference]:
    with Draft(folder, export.manifest, to_onnx(export, precision)) as draft:
        return list(compare(export, draft.weights, precision, batches=BATCHES))


# Wider networks of a family have the same layers: one of each is enough in every run.
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("yolox-nano", "fp32"),  # with depthwise convolutions
        ("yolox-nano", "fp16"),
        ("yolox-s", "fp32"),  # without
        pytest.param("yolox-s", "fp16", marks=pytest.mark.slow),
        ("hrnet-w32", "fp32"),
        ("hrnet-w32", "fp16"),
        pytest.param("hrnet-w48", "fp32", marks=pytest.mark.slow),
        pytest.param("hrnet-w48", "fp16", marks=pytest.mark.slow),
        ("3dmppe", "fp32"),
        ("3dmppe", "fp16"),
    ],
)
def test_full_networks_are_equal(name: str, precision: Precision, tmp_path: Path) -> None:
    found = differences(FULL[name](), precision, tmp_path)
    assert [difference.batch for difference in found if difference.output == found[0].output] == [
        *BATCHES
    ]
    for difference in found:
        assert difference.max_abs < TOLERANCE[precision], difference
        assert difference.magnitude > 0, "there is something to compare"


@pytest.mark.parametrize("name", SMALL)
def test_networks_with_trained_statistics_are_equal(name: str, tmp_path: Path) -> None:
    """Where layers are normalised, values are large; rounding is measured against them."""
    for difference in differences(SMALL[name](), "fp32", tmp_path):
        require_parity(difference, "fp32")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_official_weights_stay_equal_and_find_the_skier(
    precision: Precision, shared_data: Path, tmp_path: Path
) -> None:
    """The detections of an official export through our network, our graph and our adapter."""
    official = shared_data / "weights" / "yolox_nano_416.onnx"
    export = families.yolox(yolox_nano_of(official), 416, ORIGIN)
    with Draft(tmp_path, export.manifest, to_onnx(export, precision)) as draft:
        for difference in compare(export, draft.weights, precision):
            require_parity(difference, precision)
        adapter = load_adapter(export.manifest, draft.weights, "detection", open_session)
        picture = cv2.imread(str(shared_data / "real" / "000000000785.jpg"))[..., ::-1]
        height, width = picture.shape[:2]
        scale = 416 / max(height, width)
        image = np.full((1, 416, 416, 3), 114, np.uint8)
        image[0, : int(height * scale), : int(width * scale)] = cv2.resize(
            picture, (int(width * scale), int(height * scale))
        )
        found = adapter({"images": image})
    best = found["boxes"][0] / scale
    assert found["scores"][0] > 0.8
    assert best == pytest.approx([280, 44, 499, 388], abs=20), "as annotated"


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_form_of_a_graph(precision: Precision) -> None:
    model = to_onnx(small_models.small_three_dmppe(), precision)
    (images,) = model.graph.input
    assert (images.name, images.type.tensor_type.elem_type) == ("images", TensorProto.UINT8)
    sizes = [size.dim_param or size.dim_value for size in images.type.tensor_type.shape.dim]
    assert sizes == ["N", 256, 256, 3]
    assert {
        out.name: (
            out.type.tensor_type.elem_type,
            [size.dim_param or size.dim_value for size in out.type.tensor_type.shape.dim],
        )
        for out in model.graph.output
    } == {
        "coordinates": (TensorProto.FLOAT, ["N", 18, 3]),
        "gamma": (TensorProto.FLOAT, ["N", 1]),
    }
    operators = {node.op_type for node in model.graph.node}
    assert "BatchNormalization" not in operators
    half = sum(t.data_type == TensorProto.FLOAT16 for t in model.graph.initializer)
    assert half == 0 if precision == "fp32" else half > 30
    onnx.checker.check_model(model, full_check=True)


def test_without_rootnet_there_is_no_gamma() -> None:
    pose = small_models.small_three_dmppe().network.pose
    export = families.three_dmppe(pose, None, ORIGIN)
    assert [output.name for output in to_onnx(export).graph.output] == ["coordinates"]


@pytest.mark.parametrize("family", ["yolox", "hrnet"])
def test_colours_and_normalisation_are_inside(family: str, tmp_path: Path) -> None:
    """The raw network on pixels that are prepared by hand, as the papers' code does it."""
    export = SMALL[family]()
    size = export.manifest.input
    rgb = np.random.default_rng(0).integers(0, 256, (2, size.height, size.width, 3), np.uint8)
    if family == "yolox":
        pixels = rgb[..., ::-1].astype(np.float32)
    else:
        pixels = (rgb / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        nchw = torch.from_numpy(pixels.astype(np.float32).transpose(0, 3, 1, 2).copy())
        single = export.network.eval()(nchw).numpy()
        exact = copy.deepcopy(export.network).eval().double()(nchw.double()).numpy()
    with Draft(tmp_path, export.manifest, to_onnx(export)) as draft:
        found = open_session(draft.weights).run({"images": rgb})[export.outputs[0]]
    error, rounding = (float(np.abs(each - exact).max()) for each in (found, single))
    magnitude = float(np.abs(exact).max())
    require_parity(Difference(export.outputs[0], 2, error, magnitude, rounding), "fp32")


def test_a_graph_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    export, other = small_models.small_hrnet(), small_models.small_hrnet()
    with Draft(tmp_path, other.manifest, to_onnx(export)) as draft:
        (difference,) = compare(other, draft.weights, batches=(2,))
        with pytest.raises(SetupError, match=r"differs from torch by .* in heatmaps"):
            require_parity(difference, "fp32")
    assert not list(tmp_path.iterdir()), "nothing was published"


@pytest.mark.parametrize(
    ("precision", "max_abs", "magnitude", "rounding", "allowed"),
    [
        ("fp16", 0.009, 1.0, 0.0, True),
        ("fp16", 0.011, 1.0, 0.0, False),
        ("fp16", 0.09, 10.0, 0.0, True),  # of values up to 10
        ("fp16", 0.05, 1.0, 0.03, True),  # torch rounds as badly
        ("fp16", 0.05, 1.0, 0.02, False),
        ("fp16", 0.2, 1.0, 0.2, False),  # whatever torch does, this is no network any more
        ("fp16", float("nan"), 1.0, float("nan"), False),
        ("fp32", 0.9e-4, 1.0, 0.0, True),
        ("fp32", 1.1e-4, 1.0, 0.0, False),
        ("fp32", 1.1e-4, 1.0, 0.12e-4, True),
        ("fp32", 1.1e-4, 1.0, 0.1e-4, False),
        ("fp32", 1.1e-3, 1.0, 1e-3, False),
        ("fp32", float("nan"), 1.0, float("nan"), False),
    ],
)
def test_what_rounding_may_cost(
    precision: Precision, max_abs: float, magnitude: float, rounding: float, allowed: bool
) -> None:
    difference = Difference("output", 1, max_abs, magnitude, rounding)
    if allowed:
        require_parity(difference, precision)
    else:
        with pytest.raises(SetupError, match="differs from torch"):
            require_parity(difference, precision)


def test_a_version_is_never_overwritten(tmp_path: Path) -> None:
    export = small_models.small_hrnet()
    model = to_onnx(export)
    with Draft(tmp_path, export.manifest, model) as draft:
        folder = draft.publish()
    before = (folder / "model.yaml").stat().st_mtime_ns
    with (
        Draft(tmp_path, export.manifest, model) as draft,
        pytest.raises(InvalidInput, match=r"version: .* exists"),
    ):
        draft.publish()
    assert (folder / "model.yaml").stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == ["hrnet"], "no scratch is left"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: families.yolox(YOLOX(VARIANTS["nano"]), 400, ORIGIN), "multiples of 32"),
        (lambda: families.hrnet(HRNet(4), 0, 64, ORIGIN), "multiples of 32"),
        (lambda: families.yolox(YOLOX(VARIANTS["nano"]), 4128, ORIGIN), "input.height: "),
        (
            lambda: families.hrnet(HRNet(4), 64, 64, Origin("Not a name", 1, "x", "y")),
            "name: must match",
        ),
    ],
    ids=["yolox", "hrnet", "too large", "name"],
)
def test_what_cannot_be_a_model_is_refused(make: Callable[[], Export], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()


def test_joints_that_no_skeleton_has() -> None:
    with pytest.raises(SetupError, match="has 5 joints; Podium knows sets of 17 or 26"):
        families.hrnet(HRNet(4, 5), 64, 64, ORIGIN)
