"""The networks have the tensors of the official ones, and compute what these compute."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from podium.networks.hrnet import HRNet
from podium.networks.resnet import ResNet
from podium.networks.served import fold_batch_norms
from podium.networks.three_dmppe import PoseNet, RootNet, soft_argmax
from podium.networks.yolox import VARIANTS, YOLOX, YoloxVariant
from tests.networks.official_yolox import yolox_nano_of

OFFICIAL = {
    "hrnet_w32": (lambda: HRNet(32), 28_536_113),
    "hrnet_w48": (lambda: HRNet(48), 63_595_745),
    "rootnet": (RootNet, 33_997_634),
    "posenet_h36m18": (lambda: PoseNet(18), 34_291_392),
    "posenet_muco21": (lambda: PoseNet(21), 34_340_736),
}
PUBLISHED_YOLOX_M = {"nano": 0.91, "tiny": 5.06, "s": 9.0, "m": 25.3, "l": 54.2, "x": 99.1}


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_tensor_has_the_official_name_and_shape(name: str, shared_data: Path) -> None:
    make, count = OFFICIAL[name]
    with torch.device("meta"):
        network = make()
    manifest = json.loads((shared_data / "checkpoint-keys" / f"{name}_keys.json").read_text())
    official = {key.removeprefix("module."): tuple(shape) for key, shape in manifest.items()}
    ours = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    assert ours == official
    assert list(ours) == list(official), "also in the order in which optimizers number them"
    assert parameter_count(network) == count


@pytest.mark.parametrize("variant", VARIANTS)
def test_yolox_has_the_published_number_of_parameters(variant: str) -> None:
    with torch.device("meta"):
        count = parameter_count(YOLOX(VARIANTS[variant]))
    assert count / 1e6 == pytest.approx(PUBLISHED_YOLOX_M[variant], rel=0.005)


@pytest.fixture(scope="module")
def official_nano(shared_data: Path) -> Path:
    return shared_data / "weights" / "yolox_nano_416.onnx"


def test_yolox_nano_computes_what_the_official_export_computes(
    official_nano: Path, shared_data: Path
) -> None:
    picture = cv2.imread(str(shared_data / "real" / "000000000785.jpg"))  # BGR, as it wants
    picture = cv2.resize(picture, (416, 416)).transpose(2, 0, 1)[None].astype(np.float32)
    session = onnxruntime.InferenceSession(official_nano)
    (expected,) = session.run(None, {"images": picture})
    with torch.no_grad():  # in double precision, so that only the export's own rounding is left
        exact = yolox_nano_of(official_nano).double()(torch.from_numpy(picture).double()).numpy()
    assert expected[..., 4].max() > 0.5, "it does see the skier"
    assert np.abs(expected - exact).max() < 1e-4


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (YOLOX(YoloxVariant(4, 1, 64, depthwise=True)), (64, 64)),
        (HRNet(4, stem=8, modules=(1, 2, 1), blocks=1), (64, 32)),
        (PoseNet(2, ResNet(2, (1, 2, 1, 1)), width=4), (256, 256)),
        (RootNet(ResNet(2, (1, 1, 1, 1)), width=4), (256, 256)),
    ],
    ids=["yolox", "hrnet", "posenet", "rootnet"],
)
def test_folding_normalisations_changes_nothing(network: nn.Module, size: tuple[int, int]) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.1)
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    network.eval()
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        before = network(x)
        fold_batch_norms(network)
        after = network(x)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)


def test_yolox_normalises_with_its_own_epsilon() -> None:
    epsilons = {m.eps for m in YOLOX(VARIANTS["nano"]).modules() if isinstance(m, nn.BatchNorm2d)}
    assert epsilons == {1e-3}


def test_hrnet_sees_at_a_quarter_of_the_resolution() -> None:
    network = HRNet(4, 5, stem=8, modules=(1, 1, 1), blocks=1).eval()
    assert network(torch.zeros(2, 3, 96, 64)).shape == (2, 5, 24, 16)


def test_the_soft_argmax_of_a_planted_peak_is_exact() -> None:
    logits = torch.zeros(1, 3, 64, 64, 64)
    places = [(0, 0, 0), (63, 1, 62), (17, 40, 5)]  # x, y, z
    for joint, (x, y, z) in enumerate(places):
        logits[0, joint, z, y, x] = 1000
    assert soft_argmax(logits)[0].tolist() == [list(map(float, place)) for place in places]


def test_the_soft_argmax_weighs_peaks_by_their_probability() -> None:
    logits = torch.full((1, 1, 64, 64, 64), -1000.0)
    logits[0, 0, 10, 20, 30] = np.log(3)
    logits[0, 0, 10, 24, 38] = 0  # a quarter of the probability
    expected = torch.tensor([[[32.0, 21.0, 10.0]]])
    torch.testing.assert_close(soft_argmax(logits), expected, atol=1e-5, rtol=0)


def test_the_soft_argmax_takes_half_precision_and_computes_in_single() -> None:
    logits = torch.randn(1, 2, 64, 64, 64).half()
    torch.testing.assert_close(soft_argmax(logits), soft_argmax(logits.float()))
