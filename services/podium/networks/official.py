"""Loads networks from official checkpoints; the tensors' shapes show the variant."""

from __future__ import annotations

from pathlib import Path

from podium.errors import InvalidInput, SetupError
from podium.networks.checkpoint import Tensors, load_strictly, read_tensors, require_tensor
from podium.networks.hrnet import HRNet
from podium.networks.three_dmppe import CELLS, PoseNet, RootNet
from podium.networks.yolox import VARIANTS, YOLOX

_MMPOSE_HEADS = ("keypoint_head.", "head.")


def yolox_variant(tensors: Tensors, path: Path) -> str:
    """The variant with this width of the stem. Raises SetupError if there is none."""
    stem = require_tensor(tensors, "backbone.backbone.stem.conv.conv.weight", "YOLOX", path)
    for name, variant in VARIANTS.items():
        if variant.base == stem.shape[0]:
            return name
    raise SetupError(
        f"{path}: a YOLOX whose stem has {stem.shape[0]} channels is none of {', '.join(VARIANTS)}"
    )


def load_yolox(path: Path, variant: str | None = None) -> tuple[YOLOX, str]:
    """Load a YOLOX; the default variant is that of its tensors.

    Raises:
        SetupError: the file is not a complete checkpoint of this network.
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
    """Load an HRNet of any width, with the tensor names of its authors or of MMPose.

    Raises:
        SetupError: the file is not a complete checkpoint of this network.
    """
    tensors = {_hrnet_name(name): tensor for name, tensor in read_tensors(path).items()}
    joints, width, *_ = require_tensor(tensors, "final_layer.weight", "HRNet", path).shape
    network = HRNet(width, joints)
    load_strictly(network, tensors, path)
    return network


def load_posenet(path: Path) -> PoseNet:
    """Load a PoseNet; its last layer shows the number of joints.

    Raises:
        SetupError: the file is not a complete checkpoint of this network.
    """
    tensors = read_tensors(path)
    rows = require_tensor(tensors, "head.final_layer.weight", "PoseNet", path).shape[0]
    network = PoseNet(rows // CELLS)
    load_strictly(network, tensors, path)
    return network


def load_rootnet(path: Path) -> RootNet:
    """Load a RootNet.

    Raises:
        SetupError: the file is not a complete checkpoint of this network.
    """
    network = RootNet()
    load_strictly(network, read_tensors(path), path)
    return network


def _hrnet_name(name: str) -> str:
    for head in _MMPOSE_HEADS:
        if name.startswith(head):
            return name.removeprefix(head)
    return name.removeprefix("backbone.")
