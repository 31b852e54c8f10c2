"""Small exports of every network, for tests that run where torch is not installed.

Their weights are random, drawn with a fixed seed; only scales and biases are chosen, so that a
detector finds a few large boxes and a pose has confident key points. The result is committed:

    .venv-networks/bin/python -m tests.networks.small_models tests/models
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from torch import nn

from podium.networks import families
from podium.networks.families import Export, Origin
from podium.networks.hrnet import HRNet
from podium.networks.onnx_export import compare, require_parity, to_onnx
from podium.networks.publish import Draft
from podium.networks.resnet import ResNet
from podium.networks.served import Served
from podium.networks.three_dmppe import PoseNet, RootNet
from podium.networks.yolox import YOLOX, YoloxVariant

DETECTOR_PX = 128
CROP_PX = 128, 96  # height, width


def small_yolox() -> Export:
    """Sees objects at stride 32 only, in boxes of about four cells."""
    network = YOLOX(YoloxVariant(base=3, depth=1, input_px=DETECTOR_PX, depthwise=True), classes=80)
    export = families.yolox(network, DETECTOR_PX, _origin("yolox"))
    settle(export)
    head = network.head
    for boxes, objects, classes in zip(head.reg_preds, head.obj_preds, head.cls_preds, strict=True):
        nn.init.normal_(boxes.weight, std=0.004)
        nn.init.constant_(boxes.bias, 1.2)  # e^1.2 = 3.3 cells
        nn.init.zeros_(objects.weight)
        nn.init.constant_(objects.bias, -12.0)
        nn.init.normal_(classes.weight, std=0.02)
        nn.init.constant_(classes.bias, 2.0)
    nn.init.normal_(head.obj_preds[2].weight, std=0.2)
    nn.init.constant_(head.obj_preds[2].bias, 0.0)
    return export


def small_hrnet() -> Export:
    """Heat maps with peaks around 0.6."""
    network = HRNet(4, 17, stem=8, modules=(1, 1, 1), blocks=1)
    export = families.hrnet(network, *CROP_PX, _origin("hrnet"))
    settle(export)
    nn.init.normal_(network.final_layer.weight, std=0.04)
    nn.init.constant_(network.final_layer.bias, 0.0)
    return export


def small_three_dmppe() -> Export:
    """Joints all over the volume, and roots at about the depth of the box's size."""
    pose = PoseNet(18, ResNet(2, (1, 1, 1, 1)), width=8)
    root = RootNet(ResNet(2, (1, 1, 1, 1)), width=8)
    export = families.three_dmppe(pose, root, _origin("3dmppe"))
    settle(export)
    nn.init.normal_(pose.head.final_layer.weight, std=1.0)
    nn.init.normal_(root.root.depth_layer.weight, std=0.01)
    nn.init.constant_(root.root.depth_layer.bias, 1.0)
    return export


def write(export: Export, repository: Path) -> Path:
    """Write a model folder, in the place of the one that is there."""
    manifest = export.manifest
    with Draft(repository, manifest, to_onnx(export)) as draft:
        for difference in compare(export, draft.weights):
            require_parity(difference, "fp32")
        shutil.rmtree(repository / manifest.name / str(manifest.version), ignore_errors=True)
        return draft.publish()


def _origin(name: str) -> Origin:
    return Origin(name, 1, "Apache-2.0", "random weights for tests, tests/networks/small_models.py")


def settle(export: Export) -> None:
    """Give batch normalisations the statistics of random pictures, as training would."""
    size = export.manifest.input
    images = torch.randint(0, 256, (8, size.height, size.width, 3), dtype=torch.uint8)
    coarse = torch.randint(0, 256, (8, 3, 4, 4)).float()
    smooth = nn.functional.interpolate(coarse, (size.height, size.width), mode="bilinear")
    images[::2] = smooth.permute(0, 2, 3, 1).to(torch.uint8)[::2]
    served = Served(export.network, export.pixels)
    for layer in served.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.train()
            layer.momentum = None  # the plain mean
    with torch.no_grad():
        served(images)
    for layer in served.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_var.clamp_(min=3e-2)  # silent channels would amplify rounding
    export.network.load_state_dict(served.network.state_dict())


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for make in (small_yolox, small_hrnet, small_three_dmppe):
        folder = write(make(), Path(sys.argv[1]))
        print(folder, (folder / "model.onnx").stat().st_size, "bytes")
