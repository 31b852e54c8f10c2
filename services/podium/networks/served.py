"""Wraps a network for serving: uint8 pixels as input, FP32 outputs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Precision = Literal["fp32", "fp16"]
_DTYPES = {"fp64": torch.float64, "fp32": torch.float32, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Pixels:
    """Preprocessing of 0-255 pixels for a network: channel order, then ``(x - mean) / std``."""

    order: Literal["rgb", "bgr"]
    mean: tuple[float, float, float] = (0, 0, 0)
    std: tuple[float, float, float] = (1, 1, 1)

    @property
    def normalised(self) -> bool:
        """Whether mean and std change anything."""
        return (self.mean, self.std) != ((0, 0, 0), (1, 1, 1))


IMAGENET = Pixels("rgb", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
BGR_BYTES = Pixels("bgr")


class Served(nn.Module):
    """UINT8 RGB (B, H, W, 3) -> the outputs of the network in FP32.

    Args:
        network: Takes (B, 3, H, W); it is copied, not changed.
        pixels: Preprocessing of the pixels.
        precision: ``fp16`` computes the network in half precision, except for the preprocessing
            and the parts that the network itself computes in FP32; ``fp64`` is what the others
            are checked against.
        folded: Whether to fold batch normalisations into the convolutions before them.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        pixels: Pixels,
        *,
        precision: Precision | Literal["fp64"] = "fp32",
        folded: bool = False,
    ) -> None:
        super().__init__()
        network = copy.deepcopy(network).eval()
        if folded:
            fold_batch_norms(network)
        self.dtype = _DTYPES[precision]
        self.network = network.to(self.dtype)
        self.pixels = pixels
        self.register_buffer("mean", torch.tensor(pixels.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(pixels.std).view(1, 3, 1, 1))
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = images.permute(0, 3, 1, 2).float()
        if self.pixels.order == "bgr":
            x = x.flip(1)
        if self.pixels.normalised:
            x = (x - self.mean) / self.std
        outputs = self.network(x.to(self.dtype))
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        return tuple(output.float() for output in outputs)


def fold_batch_norms(network: nn.Module) -> None:
    """Fold every batch normalisation into the convolution that is declared just before it.

    Do this in FP32, before rounding to half precision, whose range variances easily exceed. The
    network must be in evaluation mode.
    """
    for parent in list(network.modules()):
        for (name, layer), (bn_name, bn) in pairwise(list(parent.named_children())):
            if isinstance(bn, nn.BatchNorm2d):
                assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)  # noqa: S101 - see above
                transposed = isinstance(layer, nn.ConvTranspose2d)
                setattr(parent, name, fuse_conv_bn_eval(layer, bn, transpose=transposed))
                setattr(parent, bn_name, nn.Identity())
