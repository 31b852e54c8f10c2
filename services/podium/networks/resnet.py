"""Residual blocks and the ResNet backbone, without its classifier.

Source: He et al., "Deep Residual Learning for Image Recognition", 2016, with the stride on the
3x3 convolution. Tensors are named as in the checkpoints of torchvision.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn


def conv_bn(
    channels_in: int, channels: int, kernel: int, stride: int = 1, *, relu: bool = False
) -> nn.Sequential:
    """A padded convolution without bias (size / ``stride``), and batch normalisation."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(channels),
    ]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual connection; the channels do not change."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        added: Tensor = self.relu(x + y)
        return added


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with a residual connection, projected if shapes differ.

    Args:
        channels_in: Channels of the input.
        width: Channels of the 3x3 convolution; the output has ``EXPANSION`` times as many.
        stride: Stride of the 3x3 convolution.
    """

    EXPANSION: ClassVar[int] = 4

    def __init__(self, channels_in: int, width: int, stride: int = 1) -> None:
        super().__init__()
        channels = width * self.EXPANSION
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.downsample = conv_bn(channels_in, channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        added: Tensor = self.relu(self.downsample(x) + y)
        return added


def bottlenecks(channels_in: int, width: int, count: int, stride: int = 1) -> nn.Sequential:
    """A chain of ``Bottleneck``; the first one has the stride."""
    first = Bottleneck(channels_in, width, stride)
    rest = (Bottleneck(width * Bottleneck.EXPANSION, width) for _ in range(count - 1))
    return nn.Sequential(first, *rest)


class ResNet(nn.Module):
    """ResNet-50: (B, 3, H, W) -> (B, ``channels``, H/32, W/32).

    Args:
        width: Channels of the stem; 64 in the paper.
        blocks: Bottlenecks per layer; (3, 4, 6, 3) in ResNet-50.
    """

    def __init__(self, width: int = 64, blocks: tuple[int, int, int, int] = (3, 4, 6, 3)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        out = Bottleneck.EXPANSION
        self.layer1 = bottlenecks(width, width, blocks[0])
        self.layer2 = bottlenecks(width * out, width * 2, blocks[1], stride=2)
        self.layer3 = bottlenecks(width * 2 * out, width * 4, blocks[2], stride=2)
        self.layer4 = bottlenecks(width * 4 * out, width * 8, blocks[3], stride=2)
        self.channels = width * 8 * out

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return features
