"""``podium models quantize``: makes an INT8 copy of a model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from podium.errors import InvalidInput, SetupError
from podium.local.model_folder import default_models
from podium.models.repository import ModelRepository

_HELD_OUT = 4  # one row in four, the last ones


@click.command("quantize")
@click.argument("name", metavar="NAME[@VERSION]")
@click.option(
    "--frames",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A typical video or picture, or a folder of them.",
)
@click.option(
    "--detector",
    help="Detector that finds the persons for a pose model.  [default: the first one]",
)
@click.option(
    "--every",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Take every Nth frame.",
)
@click.option(
    "--limit",
    type=click.IntRange(2, 1000),
    default=128,
    show_default=True,
    help="Largest number of images or persons.",
)
@click.option(
    "--repository",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_models,
    show_default="PODIUM_MODELS, or ./models",
    help="Folder of the models.",
)
def command(
    *, name: str, frames: Path, detector: str | None, every: int, limit: int, repository: Path
) -> None:
    """Make NAME-int8, a model that computes in 8 bits on processors, and compare it.

    Three quarters of the images set the ranges of the activations; the last quarter measures the
    differences. The copy is another model, which only a pipeline that names it uses: look at the
    figures first, since some networks become inaccurate or not faster.

    \b
    Examples:
      podium models quantize hrnet-w32 --frames videos/
      podium models quantize yolox-s@1 --frames race.mp4 --every 10
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    from podium.engines.opening import open_session
    from podium.engines.recording import RecordingSession
    from podium.lab.quantization.comparison import compare
    from podium.lab.quantization.pictures import inputs_of, media_files
    from podium.models.adapter import load_adapter
    from podium.networks.publish import Draft, next_version
    from podium.zoo.quantize import quantize

    model = ModelRepository(repository).resolve(name)
    manifest, weights = model.manifest, model.verified_weights()
    if manifest.precision != "fp32":
        raise InvalidInput(f"{model.reference} is {manifest.precision}, not fp32", field="NAME")
    task = manifest.tasks[-1]
    if task != "detection":
        detector = detector or _first_detector(repository)
    files = media_files(frames)
    inputs = asyncio.run(
        inputs_of(model, repository, files, detector=detector, every=every, limit=limit)
    )
    rows = len(inputs["images"])
    if rows < 2:
        raise InvalidInput("shows one image or person; two are the least", field="--frames")
    seen = rows - max(1, rows // _HELD_OUT)

    recorder = RecordingSession(open_session(weights))
    fp32 = load_adapter(manifest, weights, task, lambda _: recorder)
    with recorder.recording():
        fp32({key: values[:seen] for key, values in inputs.items()})
    graph = quantize(weights, recorder.take())
    copied = f"{manifest.name}-int8"
    copy = manifest.model_copy(
        update={
            "name": copied,
            "version": next_version(repository, copied),
            "precision": "int8",
            "source": f"INT8 of {model.reference}, sha256 {manifest.sha256}: {manifest.source}",
        }
    )
    with Draft(repository, copy, graph) as draft:
        int8 = load_adapter(copy, draft.weights, task, open_session)
        found = compare(fp32, int8, {key: values[seen:] for key, values in inputs.items()})
        folder = draft.publish()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("images or persons for calibration, held out", f"{seen}, {found.images}")
    for what, value in found.changes.items():
        table.add_row(what, f"{value:g}" if isinstance(value, int) else f"{value:.2f}")
    table.add_row("FP32, CPU-ms per image", f"{found.fp32_ms:.2f}")
    speed = found.fp32_ms / found.int8_ms
    table.add_row("INT8, CPU-ms per image", f"{found.int8_ms:.2f} ({speed:.2f} x the speed)")
    console = Console()
    console.print(table)
    if speed < 1:
        console.print("INT8 is slower here: there is nothing to gain from it", style="yellow")
    console.print(str(folder), highlight=False, soft_wrap=True)


def _first_detector(repository: Path) -> str:
    for model in ModelRepository(repository).models():
        if "detection" in model.manifest.tasks:
            return model.reference
    raise SetupError(f"{repository}: holds no detector that finds persons for the pose model")
