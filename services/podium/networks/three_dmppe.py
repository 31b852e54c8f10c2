"""3DMPPE: RootNet for the depth of a person, PoseNet for the joints around the root.

Source: Moon et al., "Camera Distance-aware Top-down Approach for 3D Multi-person Pose Estimation
from a Single RGB Image", 2019; the integral of heat maps by Sun et al., "Integral Human Pose
Regression", 2018. Tensors are named as in the official checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from podium.networks.resnet import ResNet

CELLS = 64
"""Size of a heat map along x, y and z."""

INPUT_PX = 256
"""Side of the crops: four times the cells."""


class PoseNet(nn.Module):
    """Normalised RGB (B, 3, 256, 256) -> (B, J, 3): x, y, z in cells of the heat map, 0 to 63.

    Args:
        joints: J, the number of joints.
        backbone: ResNet-50 in the paper.
        width: Channels of the upsampling layers; 256 in the paper.
    """

    def __init__(self, joints: int, backbone: ResNet | None = None, width: int = 256) -> None:
        super().__init__()
        self.backbone = backbone or ResNet()
        self.head = PoseHead(self.backbone.channels, width, joints)

    def forward(self, x: Tensor) -> Tensor:
        return soft_argmax(self.head(self.backbone(x)))


class PoseHead(nn.Module):
    """Features (B, C, 8, 8) -> logits (B, J, 64, 64, 64) over z, y, x."""

    def __init__(self, channels_in: int, width: int, joints: int) -> None:
        super().__init__()
        self.deconv_layers = _upsampling(channels_in, width)
        self.final_layer = nn.Conv2d(width, joints * CELLS, 1)

    def forward(self, features: Tensor) -> Tensor:
        maps = self.final_layer(self.deconv_layers(features))
        batch, rows, height, width = maps.shape
        volumes: Tensor = maps.reshape(batch, rows // CELLS, CELLS, height, width)
        return volumes


class RootNet(nn.Module):
    """Normalised RGB (B, 3, 256, 256) -> gamma (B, 1), the correction of the depth k.

    The depth of the root is gamma * k, with k from the area of the box and the focal length.

    Args:
        backbone: ResNet-50 in the paper.
        width: Channels of the upsampling layers; 256 in the paper.
    """

    def __init__(self, backbone: ResNet | None = None, width: int = 256) -> None:
        super().__init__()
        self.backbone = backbone or ResNet()
        self.root = RootHead(self.backbone.channels, width)

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.backbone(x).mean(dim=(2, 3), keepdim=True)
        gamma: Tensor = self.root.depth_layer(pooled)
        return gamma.flatten(1)


class RootHead(nn.Module):
    """The layers of RootNet after its backbone.

    ``deconv_layers`` and ``xy_layer`` locate the root in the picture, as PoseNet also does. They
    are loaded only to check that a checkpoint is complete; ``RootNet.forward`` does not use them.
    """

    def __init__(self, channels_in: int, width: int) -> None:
        super().__init__()
        self.deconv_layers = _upsampling(channels_in, width)
        self.xy_layer = nn.Conv2d(width, 1, 1)
        self.depth_layer = nn.Conv2d(channels_in, 1, 1)


class PoseAndRoot(nn.Module):
    """Both networks on the same crops; returns the outputs of ``PoseNet`` and ``RootNet``."""

    def __init__(self, pose: PoseNet, root: RootNet) -> None:
        super().__init__()
        self.pose = pose
        self.root = root

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.pose(x), self.root(x)


def soft_argmax(logits: Tensor) -> Tensor:
    """The expected cell under the softmax over a whole volume, computed in FP32.

    Args:
        logits: (B, J, D, H, W).

    Returns:
        (B, J, 3) x, y, z in cells.
    """
    volume = logits.float().flatten(2).softmax(dim=2).reshape(logits.shape)
    margins = (volume.sum(dim=(2, 3)), volume.sum(dim=(2, 4)), volume.sum(dim=(3, 4)))
    expected = [
        margin @ torch.arange(margin.shape[2], dtype=margin.dtype, device=margin.device)
        for margin in margins
    ]
    return torch.stack(expected, dim=2)


def _upsampling(channels_in: int, width: int) -> nn.Sequential:
    """Three layers that each double the size."""
    layers: list[nn.Module] = []
    for channels in (channels_in, width, width):
        layers += [
            nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)
