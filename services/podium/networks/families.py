"""The export of each network: its pixels, its outputs and its ``model.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import ValidationError
from torch import nn

from podium.errors import InvalidInput, SetupError
from podium.models.manifest import CropRule, LetterboxRule, Manifest
from podium.networks.hrnet import HRNet
from podium.networks.served import BGR_BYTES, IMAGENET, Pixels
from podium.networks.three_dmppe import CELLS, INPUT_PX, PoseAndRoot, PoseNet, RootNet
from podium.networks.yolox import YOLOX
from podium.wrong_values import in_plain_words

_STRIDE_PX = 32
"""Inputs are multiples of the coarsest stride."""

_LARGE_CROP_PX = 384
"""From this height on, HRNet was trained with Gaussians of sigma 3 cells instead of 2."""

_SKELETONS_2D: Mapping[int, str] = MappingProxyType({17: "coco17", 26: "halpe26"})
_SKELETONS_3D: Mapping[int, str] = MappingProxyType({18: "h36m18", 21: "muco21"})


@dataclass(frozen=True, slots=True)
class Origin:
    """The facts of a model that the user gives at the export."""

    name: str
    version: int
    license: str
    source: str


@dataclass(frozen=True, slots=True)
class Export:
    """A network that is ready to be written as a model of the repository.

    ``manifest.sha256`` is filled in once there is a file.
    """

    network: nn.Module
    pixels: Pixels
    outputs: tuple[str, ...]
    manifest: Manifest


def yolox(network: YOLOX, size_px: int, origin: Origin) -> Export:
    """Output ``output`` FP32[B, N, 5 + classes], with the rows of ``YOLOX``."""
    return Export(
        network,
        BGR_BYTES,
        ("output",),
        _manifest(
            origin,
            "yolox",
            tasks=("detection",),
            input=_whole_cells(size_px, size_px),
            letterbox=LetterboxRule(anchor="top_left", fill=114),
            thresholds={"score": 0.3, "iou": 0.45},
        ),
    )


def hrnet(network: HRNet, height_px: int, width_px: int, origin: Origin) -> Export:
    """Output ``heatmaps`` FP32[B, J, H/4, W/4]."""
    return Export(
        network,
        IMAGENET,
        ("heatmaps",),
        _manifest(
            origin,
            "hrnet",
            tasks=("pose2d",),
            input=_whole_cells(height_px, width_px),
            crop=CropRule(border="constant", roi_scale=1.25),
            skeleton=_skeleton(_SKELETONS_2D, network.final_layer.out_channels),
            options={"sigma": 3.0} if height_px >= _LARGE_CROP_PX else {},
        ),
    )


def three_dmppe(pose: PoseNet, root: RootNet | None, origin: Origin) -> Export:
    """Outputs ``coordinates`` FP32[B, J, 3] in cells and, with RootNet, ``gamma`` FP32[B, 1]."""
    return Export(
        pose if root is None else PoseAndRoot(pose, root),
        IMAGENET,
        ("coordinates",) if root is None else ("coordinates", "gamma"),
        _manifest(
            origin,
            "3dmppe",
            tasks=("pose3d",),
            input=_whole_cells(INPUT_PX, INPUT_PX),
            crop=CropRule(border="constant", roi_scale=1.25),
            skeleton=_skeleton(_SKELETONS_3D, pose.head.final_layer.out_channels // CELLS),
        ),
    )


def _manifest(origin: Origin, family: str, **facts: object) -> Manifest:
    try:
        return Manifest.model_validate(
            {
                "manifest_version": 1,
                "name": origin.name,
                "version": origin.version,
                "family": family,
                "weights": "model.onnx",
                "sha256": "0" * 64,
                **facts,
                "license": origin.license,
                "source": origin.source,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(
            in_plain_words(first["msg"]), field=".".join(map(str, first["loc"]))
        ) from None


def _whole_cells(height_px: int, width_px: int) -> dict[str, int]:
    for side_px in (height_px, width_px):
        if side_px < _STRIDE_PX or side_px % _STRIDE_PX:
            raise InvalidInput(
                f"must be multiples of {_STRIDE_PX}, not {height_px}x{width_px}",
                field="input size",
            )
    return {"height": height_px, "width": width_px}


def _skeleton(known: Mapping[int, str], joints: int) -> str:
    if joints not in known:
        counts = " or ".join(map(str, known))
        raise SetupError(f"the checkpoint has {joints} joints; Podium knows sets of {counts}")
    return known[joints]
