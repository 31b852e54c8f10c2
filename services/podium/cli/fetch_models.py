"""``podium models fetch``: copies models of an ``s3://`` repository into a folder."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from podium.cli.pull_models import download_columns


@click.command("fetch")
@click.argument("names", nargs=-1, metavar="[NAME[@VERSION]]...")
@click.option(
    "--from",
    "source",
    envvar="PODIUM_MODELS",
    show_envvar=True,
    required=True,
    metavar="S3-URI",
    help="Repository to fetch from, s3://bucket/prefix.",
)
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to copy into; it can then be used as a repository.",
)
def command(names: tuple[str, ...], source: str, folder: Path) -> None:
    """Copy models of an s3:// repository into a folder: all, or those named.

    NAME is the highest version, NAME@3 is version 3. Undamaged copies are not downloaded again,
    an interrupted download continues, and several processes may fill a folder at the same time.
    The connection is set by PODIUM_MODELS_S3_ENDPOINT, _S3_REGION and _S3_ALLOW_HTTP; credentials
    are found as by the AWS tools.

    In a container of a service, `python -m podium.models.fetch FOLDER` does the same.
    """
    from podium.environment import read_group
    from podium.models.fetch import fetch
    from podium.models.settings import RepositorySettings

    console = Console()
    with Progress(*download_columns(), console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def show(reference: str, there: int, total: int) -> None:
            if reference not in tasks:
                tasks[reference] = bar.add_task(reference)
            bar.update(tasks[reference], completed=there, total=total)

        folders = fetch(source, folder, names, read_group(RepositorySettings), show)
    for each in folders:
        console.print(str(each), highlight=False, soft_wrap=True)
