"""The official YOLOX-nano export, as weights of our network."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from podium.networks.served import fold_batch_norms
from podium.networks.yolox import VARIANTS, YOLOX


def yolox_nano_of(path: Path) -> YOLOX:
    """Our nano with the weights of the official export.

    There, normalisations are folded and most names are lost. What is left is the order in which
    convolutions run, so the weights go by it: if the two networks were wired differently, shapes or
    results would differ.
    """
    graph = onnx.load(path).graph
    values = {tensor.name: numpy_helper.to_array(tensor).copy() for tensor in graph.initializer}
    official = [[values[name] for name in n.input[1:]] for n in graph.node if n.op_type == "Conv"]

    network = YOLOX(VARIANTS["nano"]).eval()
    fold_batch_norms(network)
    ours: list[nn.Conv2d] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(lambda layer, _: ours.append(layer))
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
        for layer, (weight, bias) in zip(ours, official, strict=True):
            assert layer.weight.shape == weight.shape
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    for layer in ours:
        layer._forward_pre_hooks.clear()
    return network
