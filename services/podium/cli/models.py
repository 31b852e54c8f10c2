"""``podium models``: lists, checks and fills the model repository."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from podium.cli import (
    bench_engines,
    bench_models,
    export_model,
    fetch_models,
    pull_models,
    quantize_model,
)
from podium.errors import SetupError
from podium.local.model_folder import default_models, require_models
from podium.models.repository import ModelRepository, StoredModel

_repository = click.option(
    "--repository",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_models,
    show_default="PODIUM_MODELS, or ./models",
    help="Folder of the models.",
)


@click.group("models")
def command() -> None:
    """List, get and check the models.

    A model is a folder NAME/VERSION with model.yaml and the weights.

    \b
    Examples:
      podium models pull blazepose                 download and convert the default models
      podium models pull blazepose --wheel FILE    the same from a file, without a network
      podium models list --available               networks that can be pulled
      podium models pull yolox-s                   one of them, ready to serve
      podium models export hrnet --weights FILE    convert a torch checkpoint
      podium models fetch --from s3://bucket/models --into DIR
      podium models list
      podium models verify
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines


for _verb in (
    pull_models,
    fetch_models,
    export_model,
    bench_models,
    bench_engines,
    quantize_model,
):
    command.add_command(_verb.command)


@command.command("list")
@_repository
@click.option("--available", is_flag=True, help="Show what `podium models pull` can get instead.")
def list_models(repository: Path, available: bool) -> None:
    """Show every model, and whether its weights match model.yaml."""
    if available:
        pull_models.show_available()
        return
    require_models(repository)
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("version", justify="right")
    table.add_column("family", overflow="fold")
    table.add_column("tasks", overflow="fold")
    table.add_column("licence", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("weights")
    for name, version in ModelRepository(repository).folders():
        model, problem = _look_at(repository, name, version)
        if model is None:
            table.add_row(name, str(version), "", "", "", "", "[red]model.yaml is wrong[/]")
            continue
        manifest = model.manifest
        table.add_row(
            manifest.name,
            str(manifest.version),
            manifest.family,
            ", ".join(manifest.tasks),
            manifest.license,
            _size(model),
            "[red]damaged or missing[/]" if problem else "[green]verified[/]",
        )
    Console().print(table)


@command.command()
@_repository
def verify(repository: Path) -> None:
    """Check the sha256 of all weights; the exit code is 1 if one is wrong."""
    require_models(repository)
    problems = 0
    for name, version in ModelRepository(repository).folders():
        _, problem = _look_at(repository, name, version)
        click.secho(f"{name}@{version}: {problem or 'ok'}", fg="red" if problem else "green")
        problems += bool(problem)
    if problems:
        raise SetupError(f"{problems} of the models cannot be used")


def _look_at(repository: Path, name: str, version: int) -> tuple[StoredModel | None, str]:
    """A model (None: its manifest is wrong), and what is wrong with it."""
    model = None
    try:
        model = ModelRepository(repository).load(name, version)
        model.verified_weights()
    except SetupError as error:
        return model, error.message
    return model, ""


def _size(model: StoredModel) -> str:
    try:
        return decimal((model.folder / model.manifest.weights).stat().st_size)
    except OSError:
        return "-"
