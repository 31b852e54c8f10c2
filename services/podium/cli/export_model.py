"""``podium models export``: makes a model of the repository from a torch checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich.console import Console

from podium.errors import InvalidInput, SetupError
from podium.local.model_folder import default_models
from podium.models.facts import detector_facts, pose_facts
from podium.models.manifest import Manifest
from podium.models.repository import sha256_of
from podium.stages.models import ModelFacts

if TYPE_CHECKING:
    from podium.networks.families import Export, Origin
    from podium.networks.onnx_export import Difference

_HRNET_SIZE = (256, 192)
_MPPE_SIZE = (256, 256)
_OF_FAMILY = {"--variant": "yolox", "--root-weights": "3dmppe"}


class _Size(click.ParamType[tuple[int, int]]):
    """``416`` or ``256x192``, height first, as a pair."""

    name = "PIXELS"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        sides = str(value).split("x")
        if len(sides) > 2 or not all(side.isascii() and side.isdigit() for side in sides):
            self.fail(f"{value!r} is not a side (416) or a height and a width (256x192)")
        return int(sides[0]), int(sides[-1])


@click.command("export")
@click.argument("family", type=click.Choice(["yolox", "hrnet", "3dmppe"]))
@click.option(
    "--weights",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The checkpoint (.pth, .pt, .pth.tar); for 3dmppe that of PoseNet.",
)
@click.option(
    "--root-weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="3dmppe: the checkpoint of RootNet. Without it, distances are unknown.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_models,
    show_default="PODIUM_MODELS, or ./models",
    help="Model repository to write to.",
)
@click.option("--variant", help="yolox: nano, tiny, s, m, l or x.  [default: from the weights]")
@click.option(
    "--input-size",
    type=_Size(),
    help="Side, or HEIGHTxWIDTH; multiples of 32.  [default: yolox nano and tiny 416, others "
    "640; hrnet 256x192; 3dmppe is always 256]",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="fp16 is for graphics cards and takes half the memory; on processors it is slower.",
)
@click.option("--name", help="Name of the model.  [default: such as yolox-s, hrnet-w32, 3dmppe]")
@click.option(
    "--version",
    type=click.IntRange(1, 999_999_999),
    help="Version of the model.  [default: the next free one]",
)
@click.option(
    "--license",
    "license_",
    default="not stated",
    show_default=True,
    help="Licence of the weights, for model.yaml.",
)
@click.option(
    "--end-to-end",
    is_flag=True,
    help="yolox, hrnet: put box decoding and NMS, or arg-max decoding, into the graph, for a "
    "Triton or KServe server instead of a stage.",
)
def command(
    *,
    family: str,
    weights: Path,
    root_weights: Path | None,
    out: Path,
    variant: str | None,
    input_size: tuple[int, int] | None,
    precision: Literal["fp32", "fp16"],
    name: str | None,
    version: int | None,
    license_: str,
    end_to_end: bool,
) -> None:
    """Make a model from an official checkpoint, or from one trained with the official code.

    Every tensor of the checkpoint must fit; the error names those that do not. The model takes
    uint8 RGB pictures and normalises them itself. It is compared with torch on random pictures,
    and only written if the results agree. Only tensors are unpickled.

    This is the only command that needs torch: run it after `make setup-networks`.

    \b
    Examples:
      podium models export yolox --weights yolox_s.pth
      podium models export yolox --weights yolox_s.pth --input-size 416 --precision fp16
      podium models export hrnet --weights pose_hrnet_w48_384x288.pth --input-size 384x288
      podium models export 3dmppe --weights snapshot_24.pth.tar --root-weights snapshot_19.pth.tar
      podium models export yolox --weights yolox_s.pth --end-to-end --out triton-models
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    for option, given in (("--variant", variant), ("--root-weights", root_weights)):
        if given is not None and family != _OF_FAMILY[option]:
            raise InvalidInput(f"is for {_OF_FAMILY[option]}, not for {family}", field=option)
    if end_to_end and family == "3dmppe":
        raise InvalidInput(
            "is for yolox and hrnet; 3dmppe needs boxes and intrinsics besides the pictures",
            field="--end-to-end",
        )
    _require_torch()
    from podium.networks.end_to_end import end_to_end as with_decoding
    from podium.networks.families import Origin
    from podium.networks.onnx_export import compare, require_parity, to_onnx
    from podium.networks.publish import Draft, next_version, publish_stage, serialized

    console = Console(highlight=False, soft_wrap=True)
    with console.status("loading the checkpoint") as status:

        def origin(default: str) -> Origin:
            called = name or default + ("" if precision == "fp32" else "-fp16")
            files = filter(None, (weights, root_weights))
            return Origin(
                called,
                version or next_version(out, called),
                license_,
                "; ".join(f"{file.name}, sha256 {sha256_of(file)}" for file in files),
            )

        export = _load(
            family,
            weights,
            root_weights=root_weights,
            variant=variant,
            input_size=input_size,
            origin=origin,
        )
        manifest = export.manifest.model_copy(update={"precision": precision})
        console.print(f"loaded {weights}: every tensor fits")
        status.update("writing the ONNX file")
        graph = to_onnx(export, precision)
        data = serialized(graph)
        console.print(f"wrote the {precision} ONNX file: {len(data) / 1e6:.1f} MB")
        status.update("comparing with torch")
        with Draft(out, manifest, data) as draft:
            for found in compare(export, draft.weights, precision):
                console.print(_line(found))
                require_parity(found, precision)
            if end_to_end:
                stage = with_decoding(graph, manifest)
                folder = publish_stage(out, manifest, stage, _facts(manifest).to_parameters())
            else:
                folder = draft.publish()
    console.print(str(folder))


def _load(
    family: str,
    weights: Path,
    *,
    root_weights: Path | None,
    variant: str | None,
    input_size: tuple[int, int] | None,
    origin: Callable[[str], Origin],
) -> Export:
    """Load the checkpoints for export; ``origin`` gets the default name of the model."""
    from podium.networks import families, official
    from podium.networks.yolox import VARIANTS

    if family == "yolox":
        detector, variant = official.load_yolox(weights, variant)
        height, width = input_size or (VARIANTS[variant].input_px,) * 2
        if height != width:
            raise InvalidInput("a detector takes squares", field="--input-size")
        return families.yolox(detector, height, origin(f"yolox-{variant}"))
    if family == "hrnet":
        network = official.load_hrnet(weights)
        size = input_size or _HRNET_SIZE
        suffix = "" if size == _HRNET_SIZE else f"-{size[0]}"
        name = f"hrnet-w{network.final_layer.in_channels}{suffix}"
        return families.hrnet(network, *size, origin(name))
    if input_size not in (None, _MPPE_SIZE):
        raise InvalidInput("3dmppe takes 256 only", field="--input-size")
    pose = official.load_posenet(weights)
    root = official.load_rootnet(root_weights) if root_weights else None
    return families.three_dmppe(pose, root, origin("3dmppe"))


def _line(found: Difference) -> str:
    line = (
        f"{found.output}, batch {found.batch}: torch and ONNX differ by at most "
        f"{found.max_abs:.1e}, in values up to {found.magnitude:.3g}"
    )
    if found.rounding:
        line += f"; torch itself in half precision by {found.rounding:.1e}"
    return line


def _facts(manifest: Manifest) -> ModelFacts:
    return detector_facts(manifest) if "detection" in manifest.tasks else pose_facts(manifest)


def _require_torch() -> None:
    for package in ("torch", "onnxscript", "onnxslim"):
        if find_spec(package) is None:
            raise SetupError(
                f"{package} is not installed here, which the export needs: run "
                "`make setup-networks`, then `.venv-networks/bin/podium models export ...`"
            )
