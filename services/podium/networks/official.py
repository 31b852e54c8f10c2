"""Networks out of their official checkpoints; what varies is read from the tensors' shapes."""

from __future__ import annotations

from pathlib import Path

from podium.errors import InvalidInput, SetupError
from podium.networks.checkpoint import Tensors, load_strictly, read_tensors, require_tensor
from podium.networks.hrnet import HRNet
from podium.networks.three_dmppe import CELLS, PoseNet, RootNet
from podium.networks.yolox import VARIANTS, YOLOX

_MMPOSE_HEADS = ("keypoint_head.", "head.")


def yolox_variant(tensors: Tensors, path: Path) -> str:
    """Tell the variant by the width of the stem. Raises SetupError where it fits none."""
    stem = require_tensor(tensors, "backbone.backbone.stem.conv.conv.weight", "YOLOX", path)
    for name, variant in VARIANTS.items():
        if variant.base == stem.shape[0]:
            return name
    raise SetupError(
        f"{path}: a YOLOX whose stem has {stem.shape[0]} channels is none of {', '.join(VARIANTS)}"
    )


def load_yolox(path: Path, variant: str | None = None) -> tuple[YOLOX, str]:
    """Load a YOLOX, by default of the variant that its tensors tell.

    Raises:
        SetupError: the file is no whole checkpoint of this network.
        InvalidInput: there is no such variant.
    """
    if variant is not None and variant not in VARIANTS:
        raise InvalidInput(f"must be one of {', '.join(VARIANTS)}", field="variant")
    tensors = read_tensors(path)
    variant = variant or yolox_variant(tensors, path)
    classes = require_tensor(tensors, "head.cls_preds.0.weight", "YOLOX", path).shape[0]
    network = YOLOX(VARIANTS[variant], classes)
    load_strictly(network, tensors, path)
    return network, variant


def load_hrnet(path: Path) -> HRNet:
    """Load an HRNet of any width, in its authors' names or in MMPose's.

    Raises:
        SetupError: the file is no whole checkpoint of this network.
    """
    tensors = {_hrnet_name(name): tensor for name, tensor in read_tensors(path).items()}
    joints, width, *_ = require_tensor(tensors, "final_layer.weight", "HRNet", path).shape
    network = HRNet(width, joints)
    load_strictly(network, tensors, path)
    return network


def load_posenet(path: Path) -> PoseNet:
    """Load a PoseNet with as many joints as its last layer has rows for.

    Raises:
        SetupError: the file is no whole checkpoint of this network.
    """
    tensors = read_tensors(path)
    rows = require_tensor(tensors, "head.final_layer.weight", "PoseNet", path).shape[0]
    network = PoseNet(rows // CELLS)
    load_strictly(network, tensors, path)
    return network


def load_rootnet(path: Path) -> RootNet:
    """Load a RootNet.

    Raises:
        SetupError: the file is no whole checkpoint of this network.
    """
    network = RootNet()
    load_strictly(network, read_tensors(path), path)
    return network


def _hrnet_name(name: str) -> str:
    for head in _MMPOSE_HEADS:
        if name.startswith(head):
            return name.removeprefix(head)
    return name.removeprefix("backbone.")
