"""YOLOX: an anchor-free detector with a decoupled head.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021; the neck is the path aggregation
of Liu et al., "PANet", 2018. Tensors are named as in the official checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from podium.networks.csp_darknet import (
    ConvUnit,
    CSPDarknet,
    CSPLayer,
    DepthwiseUnit,
    Unit,
)

STRIDES_PX = (8, 16, 32)
"""Strides of the three levels that detect boxes."""

_PRIOR = 0.01
"""Probability of every object and class in an untrained head."""


@dataclass(frozen=True, slots=True)
class YoloxVariant:
    """Depth and width of a YOLOX.

    Args:
        base: Channels of the stem.
        depth: Residual units of the layers with the fewest.
        input_px: Side of the images for which the official weights were trained.
        depthwise: Whether 3x3 convolutions are depthwise.
    """

    base: int
    depth: int
    input_px: int
    depthwise: bool = False


VARIANTS: Mapping[str, YoloxVariant] = MappingProxyType(
    {
        "nano": YoloxVariant(16, 1, 416, depthwise=True),
        "tiny": YoloxVariant(24, 1, 416),
        "s": YoloxVariant(32, 1, 640),
        "m": YoloxVariant(48, 2, 640),
        "l": YoloxVariant(64, 3, 640),
        "x": YoloxVariant(80, 4, 640),
    }
)


class YOLOX(nn.Module):
    """BGR 0-255 (B, 3, S, S) -> (B, N, 5 + classes), with S a multiple of 32.

    N runs over the cells of strides 8, 16 and 32, row by row. A row has the centre's offset from
    the cell and the logarithm of the size, both in strides, then the probabilities of an object
    and of each class.
    """

    def __init__(self, variant: YoloxVariant, classes: int = 80) -> None:
        super().__init__()
        self.backbone = PathAggregation(variant)
        self.head = DecoupledHead(variant, classes)

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.head(self.backbone(x))
        return rows


class PathAggregation(nn.Module):
    """Backbone and neck: features at strides 8, 16 and 32, each with information from all."""

    def __init__(self, variant: YoloxVariant) -> None:
        super().__init__()
        unit = _unit(variant)
        fine, middle, coarse = (variant.base * times for times in (4, 8, 16))

        def layer(channels_in: int, channels: int) -> CSPLayer:
            return CSPLayer(channels_in, channels, variant.depth, unit, shortcut=False)

        self.backbone = CSPDarknet(variant.base, variant.depth, unit)
        self.lateral_conv0 = ConvUnit(coarse, middle, 1)
        self.C3_p4 = layer(2 * middle, middle)
        self.reduce_conv1 = ConvUnit(middle, fine, 1)
        self.C3_p3 = layer(2 * fine, fine)
        self.bu_conv2 = unit(fine, fine, 3, 2)
        self.C3_n3 = layer(2 * fine, middle)
        self.bu_conv1 = unit(middle, middle, 3, 2)
        self.C3_n4 = layer(2 * middle, coarse)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stride8, stride16, stride32 = self.backbone(x)
        top = self.lateral_conv0(stride32)
        middle = self.reduce_conv1(self.C3_p4(torch.cat([_twice(top), stride16], dim=1)))
        fine = self.C3_p3(torch.cat([_twice(middle), stride8], dim=1))
        middle = self.C3_n3(torch.cat([self.bu_conv2(fine), middle], dim=1))
        coarse = self.C3_n4(torch.cat([self.bu_conv1(middle), top], dim=1))
        return fine, middle, coarse


class DecoupledHead(nn.Module):
    """For each stride, one branch for classes and one for boxes and objectness."""

    def __init__(self, variant: YoloxVariant, classes: int) -> None:
        super().__init__()
        unit = _unit(variant)
        width = variant.base * 4

        def branches() -> nn.ModuleList:
            return nn.ModuleList(
                nn.Sequential(unit(width, width, 3), unit(width, width, 3)) for _ in range(3)
            )

        def predictions(channels: int) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(width, channels, 1) for _ in range(3))

        self.stems = nn.ModuleList(ConvUnit(variant.base * n, width, 1) for n in (4, 8, 16))
        self.cls_convs = branches()
        self.reg_convs = branches()
        self.cls_preds = predictions(classes)
        self.reg_preds = predictions(4)
        self.obj_preds = predictions(1)
        for prediction in (*self.cls_preds, *self.obj_preds):
            assert isinstance(prediction.bias, Tensor)  # noqa: S101 - as made above
            nn.init.constant_(prediction.bias, -math.log((1 - _PRIOR) / _PRIOR))

    def forward(self, features: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        levels = []
        for level, feature in enumerate(features):
            x = self.stems[level](feature)
            classes = self.cls_preds[level](self.cls_convs[level](x))
            x = self.reg_convs[level](x)
            boxes, objects = self.reg_preds[level](x), self.obj_preds[level](x)
            rows = torch.cat([boxes, objects.sigmoid(), classes.sigmoid()], dim=1)
            levels.append(rows.flatten(2))  # (B, 5 + classes, cells)
        return torch.cat(levels, dim=2).transpose(1, 2)


def _unit(variant: YoloxVariant) -> Unit:
    return DepthwiseUnit if variant.depthwise else ConvUnit


def _twice(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="nearest")
