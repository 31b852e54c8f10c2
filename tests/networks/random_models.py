"""The production networks in full size with random weights, to measure speed where weights are not.

Normalisations have the statistics of random pictures, so values are as large as in trained
networks. For a processor, for graphics cards (FP32 and FP16), or both:

    .venv-networks/bin/python -m tests.networks.random_models FOLDER [cpu] [gpu]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import get_args

import torch

from podium.networks import families
from podium.networks.families import Export, Origin
from podium.networks.hrnet import HRNet
from podium.networks.onnx_export import to_onnx
from podium.networks.publish import Draft
from podium.networks.served import Precision
from podium.networks.three_dmppe import PoseNet, RootNet
from podium.networks.yolox import VARIANTS, YOLOX
from tests.networks.small_models import settle


def _origin(name: str) -> Origin:
    return Origin(name, 1, "Apache-2.0", "random weights: for speed alone")


def _yolox(variant: str) -> Export:
    kind = VARIANTS[variant]
    return families.yolox(YOLOX(kind), kind.input_px, _origin(f"yolox-{variant}"))


def _hrnet(width: int) -> Export:
    return families.hrnet(HRNet(width), 256, 192, _origin(f"hrnet-w{width}"))


def _three_dmppe() -> Export:
    return families.three_dmppe(PoseNet(18), RootNet(), _origin("3dmppe"))


NETWORKS: Mapping[str, Callable[[], Export]] = {
    "yolox-nano": lambda: _yolox("nano"),
    "yolox-tiny": lambda: _yolox("tiny"),
    "yolox-s": lambda: _yolox("s"),
    "hrnet-w32": lambda: _hrnet(32),
    "hrnet-w48": lambda: _hrnet(48),
    "3dmppe": _three_dmppe,
}
ON_GPU = ("yolox-s", "hrnet-w32", "3dmppe")


def write(export: Export, repository: Path, precision: Precision) -> Path:
    """Write a model folder, named as ``podium models export`` names it."""
    suffix = "" if precision == "fp32" else "-fp16"
    manifest = export.manifest.model_copy(
        update={"name": export.manifest.name + suffix, "precision": precision}
    )
    with Draft(repository, manifest, to_onnx(export, precision)) as draft:
        return draft.publish()


def main(repository: Path, machines: list[str]) -> None:
    """Write what these machines are measured with."""
    torch.manual_seed(0)
    wanted: dict[tuple[str, Precision], None] = {}
    if "cpu" in machines:
        wanted |= {(name, "fp32"): None for name in NETWORKS}
    if "gpu" in machines:
        wanted |= dict.fromkeys(product(ON_GPU, get_args(Precision)))
    for name, precision in wanted:
        export = NETWORKS[name]()
        settle(export)
        print(write(export, repository, precision), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["cpu", "gpu"])
