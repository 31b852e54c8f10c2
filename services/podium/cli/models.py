"""``podium models``: what is in the model repository, and getting the default models."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from podium.cli import bench_models
from podium.cli.stack import default_models, require_models
from podium.errors import SetupError
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
      podium models list
      podium models verify
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines


command.add_command(bench_models.command)


@command.command("list")
@_repository
def list_models(repository: Path) -> None:
    """Show every model, and whether its weights are what model.yaml says."""
    require_models(repository)
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("version", justify="right")
    table.add_column("family", overflow="fold")
    table.add_column("tasks", overflow="fold")
    table.add_column("licence", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("weights")
    for model in ModelRepository(repository).models():
        manifest, problem = model.manifest, _problem(model)
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
@click.argument("family", type=click.Choice(["blazepose"]))
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the models out of this file instead of downloading it.",
)
@_repository
def pull(family: str, wheel: Path | None, repository: Path) -> None:
    """Get the default models: a detector and a 2D and 3D pose model for one large athlete.

    What is there and undamaged is left alone, without a download.
    """
    from podium.models.pull import pull_blazepose

    console = Console()
    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"get {family}", total=None)
        folders = pull_blazepose(
            repository,
            wheel=wheel,
            progress=lambda step, done, total: progress.update(
                task, description=step, completed=done, total=total
            ),
        )
    for folder in folders:
        console.print(str(folder), highlight=False, soft_wrap=True)


@command.command()
@_repository
def verify(repository: Path) -> None:
    """Check the sha256 of all weights; the exit code is 1 when one is wrong."""
    require_models(repository)
    problems = 0
    for model in ModelRepository(repository).models():
        problem = _problem(model)
        click.secho(f"{model.reference}: {problem or 'ok'}", fg="red" if problem else "green")
        problems += problem is not None
    if problems:
        raise SetupError(f"{problems} of the models cannot be used")


def _problem(model: StoredModel) -> str | None:
    try:
        model.verified_weights()
    except SetupError as error:
        return error.message
    return None


def _size(model: StoredModel) -> str:
    try:
        return decimal((model.folder / model.manifest.weights).stat().st_size)
    except OSError:
        return "-"
