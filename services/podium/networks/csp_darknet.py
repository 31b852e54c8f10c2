"""The blocks of YOLOX and its backbone.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021; cross-stage partial layers by Wang
et al., "CSPNet", 2020. Tensors are named as in the official checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvUnit(nn.Module):
    """Convolution, batch normalisation with the epsilon of YOLOX, and SiLU."""

    def __init__(
        self, channels_in: int, channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels_in, channels, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.bn(self.conv(x)))
        return y


class DepthwiseUnit(nn.Module):
    """A depthwise convolution, then a 1x1 convolution across channels."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = ConvUnit(channels_in, channels_in, kernel, stride, groups=channels_in)
        self.pconv = ConvUnit(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pconv(self.dconv(x))
        return y


Unit = type[ConvUnit] | type[DepthwiseUnit]
"""Kind of the 3x3 convolutions; depthwise in the nano variant."""


class ResidualUnit(nn.Module):
    """1x1 and 3x3 convolutions; with ``shortcut`` the input is added."""

    def __init__(self, channels: int, unit: Unit, *, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = ConvUnit(channels, channels, 1)
        self.conv2 = unit(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class CSPLayer(nn.Module):
    """Residual units on half of the channels; the other half bypasses them."""

    def __init__(
        self, channels_in: int, channels: int, count: int, unit: Unit, *, shortcut: bool
    ) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = ConvUnit(channels_in, half, 1)
        self.conv2 = ConvUnit(channels_in, half, 1)
        self.m = nn.Sequential(*(ResidualUnit(half, unit, shortcut=shortcut) for _ in range(count)))
        self.conv3 = ConvUnit(2 * half, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        through, past = self.conv1(x), self.conv2(x)
        y: Tensor = self.conv3(torch.cat([self.m(through), past], dim=1))
        return y


class Focus(nn.Module):
    """Turns each 2x2 pixels into one cell with four times the channels, then convolves."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = ConvUnit(12, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        top, bottom = x[:, :, ::2], x[:, :, 1::2]
        corners = [top[..., ::2], bottom[..., ::2], top[..., 1::2], bottom[..., 1::2]]
        y: Tensor = self.conv(torch.cat(corners, dim=1))
        return y


class SpatialPyramid(nn.Module):
    """The cells, concatenated with their maxima over windows of 5, 9 and 13 cells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = ConvUnit(channels, half, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(side, 1, side // 2) for side in (5, 9, 13))
        self.conv2 = ConvUnit(half * 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        y: Tensor = self.conv2(torch.cat([x, *(pool(x) for pool in self.m)], dim=1))
        return y


class CSPDarknet(nn.Module):
    """(B, 3, H, W) -> features at strides 8, 16 and 32 with 4, 8 and 16 times ``base`` channels.

    Args:
        base: Channels of the stem.
        depth: Residual units of the first and last layer; layers between have three times as many.
        unit: Kind of the 3x3 convolutions.
    """

    def __init__(self, base: int, depth: int, unit: Unit) -> None:
        super().__init__()

        def layer(times: int, count: int, *between: nn.Module, shortcut: bool) -> nn.Sequential:
            channels = base * times
            return nn.Sequential(
                unit(channels // 2, channels, 3, 2),
                *between,
                CSPLayer(channels, channels, count, unit, shortcut=shortcut),
            )

        self.stem = Focus(base)
        self.dark2 = layer(2, depth, shortcut=True)
        self.dark3 = layer(4, 3 * depth, shortcut=True)
        self.dark4 = layer(8, 3 * depth, shortcut=True)
        self.dark5 = layer(16, depth, SpatialPyramid(base * 16), shortcut=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stride8 = self.dark3(self.dark2(self.stem(x)))
        stride16 = self.dark4(stride8)
        return stride8, stride16, self.dark5(stride16)
