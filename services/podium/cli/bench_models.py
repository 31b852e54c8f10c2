"""``podium models bench``: what each network of a repository costs on this processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import Progress

from podium.cli.output_file import OutputFile
from podium.errors import SetupError
from podium.local.model_folder import default_models
from podium.models.repository import ModelRepository, StoredModel


def models_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``names`` and ``repositories`` to a command: see ``chosen_models``."""
    repositories = click.option(
        "--repository",
        "repositories",
        multiple=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of models; may be repeated.  [default: PODIUM_MODELS, or ./models]",
    )
    return click.argument("names", nargs=-1, metavar="[NAME]...")(repositories(command))


@click.command("bench")
@models_options
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(1, 64),
    default=(1, 8),
    show_default=True,
    help="Images per call; may be repeated.",
)
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 60),
    default=1.0,
    show_default=True,
    help="Seconds per network, batch size and round; every variant runs at least once.",
)
@click.option("--json", "json_file", type=OutputFile())
@click.option("--markdown", "markdown_file", type=OutputFile())
@click.option("--plot", "plot_file", type=OutputFile())
def command(
    *,
    names: tuple[str, ...],
    repositories: tuple[Path, ...],
    batches: tuple[int, ...],
    threads: int,
    rounds: int,
    seconds: float,
    json_file: Path | None,
    markdown_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Measure what adapter and engine add to the bare ONNX Runtime, per network and batch size.

    The calls of the variants alternate, so that a machine whose speed drifts does not favour one.
    Without a NAME, all models are measured.

    \b
    Examples:
      podium models bench
      podium models bench blazepose-detector --batch 1 --json result.json --plot result.svg
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    from podium.lab.bench import network_report
    from podium.lab.bench.networks import ComparedNetwork, NetworkCost
    from podium.lab.plotting import figure_class

    if plot_file is not None:
        figure_class()  # a missing package is reported now, not after minutes
    models = chosen_models(repositories, names)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("networks", total=len(models) * len(batches) * rounds)
        costs = []
        for model in models:
            for batch in batches:
                progress.update(task, description=f"{model.reference}, batch {batch}")
                network = ComparedNetwork(model, batch=batch, threads=threads)
                found = []
                for _ in range(rounds):
                    found.append(network.measure(seconds))
                    progress.advance(task)
                costs.append(NetworkCost(model, batch, network.gflop, tuple(found)))
    page = network_report.to_markdown(costs, threads=threads, seconds=seconds)
    Console(width=max(Console().width, 190)).print(Markdown(page))
    if json_file is not None:
        json_file.write_bytes(network_report.to_json(costs, threads=threads, seconds=seconds))
    if markdown_file is not None:
        markdown_file.write_text(page)
    if plot_file is not None:
        network_report.write_plot(costs, plot_file)


def chosen_models(folders: Sequence[Path], names: Sequence[str]) -> list[StoredModel]:
    """The models of these names, or all. Raises SetupError if there are none."""
    repositories = [ModelRepository(folder) for folder in folders or (default_models(),)]
    if names:
        return [_find(repositories, name) for name in names]
    found = [model for repository in repositories for model in repository.models()]
    if not found:
        raise SetupError(f"{repositories[0].root}: holds no models")
    return found


def _find(repositories: list[ModelRepository], name: str) -> StoredModel:
    """The model in the first repository that has it."""
    for repository in repositories:
        if repository.versions(name.partition("@")[0]):
            return repository.resolve(name)
    return repositories[0].resolve(name)  # raises, with the remedy
