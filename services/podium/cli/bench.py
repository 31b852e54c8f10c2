"""``podium bench``: what the services cost, side by side with the same pipeline in one process."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from podium.cli.output_file import OutputFile
from podium.lab.bench.compositions import as_services, at_url, in_process
from podium.lab.bench.measure import Cell, Measurement, measure
from podium.lab.bench.report import print_phases, print_table, to_json, write_plot
from podium.lab.bench.workloads import no_op_repository, workloads
from podium.lab.plotting import figure_class
from podium.local.model_folder import default_models, require_models
from podium.serving.http.scheduling import finish_before_others

_MOST_IN_FLIGHT = 1024


@click.command("bench")
@click.argument("video", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--pipeline", default="pose-3d", show_default=True, help="A shipped pipeline.")
@click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_models,
    show_default="PODIUM_MODELS, or ./models",
    help="Model repository.",
)
@click.option(
    "--compute",
    type=click.Choice(["real", "no-op", "both"]),
    default="both",
    show_default=True,
    help="Use the real models, models that compute nothing, or both.",
)
@click.option(
    "--concurrency",
    default="1,4,16",
    show_default=True,
    help="Requests in flight; several numbers separated by commas.",
)
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0.2, 60),
    default=3.0,
    show_default=True,
    help="Seconds per cell and round.",
)
@click.option(
    "--here",
    multiple=True,
    type=click.Choice(["decode", "detection", "pose2d", "pose3d"]),
    help="Compare also with services of which this stage runs in the gateway; may be repeated.",
)
@click.option("--url", help="A gateway to compare with; it runs its own models.")
@click.option("--workload", "only", multiple=True, help="Only workloads whose name begins so.")
@click.option("--json", "json_file", type=OutputFile())
@click.option("--plot", "plot_file", type=OutputFile())
def command(
    *,
    video: Path,
    pipeline: str,
    models: Path,
    compute: str,
    concurrency: str,
    rounds: int,
    seconds: float,
    here: tuple[str, ...],
    url: str | None,
    only: tuple[str, ...],
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Measure what the services cost above the same pipeline in one process.

    The rounds of all compositions are interleaved, so that a machine whose speed drifts does not
    favour one. CPU time is that of the whole process tree, including the client.

    \b
    Examples:
      podium bench services/podium/lab/athlete/clips/sprint.mp4
      podium bench sprint.mp4 --compute no-op --concurrency 16 --json result.json --plot result.svg
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    if plot_file is not None:
        figure_class()  # a missing package is reported now, not after minutes
    require_models(models)
    finish_before_others()  # as in the services, so that both compositions have the same policy
    levels = _levels(concurrency)
    console = Console(width=max(Console().width, 190))  # a narrower table is unreadable
    found = asyncio.run(
        _run(
            video=video,
            pipeline=pipeline,
            models=models,
            compute=compute,
            levels=levels,
            rounds=rounds,
            seconds=seconds,
            here=here,
            url=url,
            only=only,
            console=console,
        )
    )
    print_table(found, console)
    print_phases(found, console)
    if json_file is not None:
        json_file.write_bytes(to_json(found, video=video.name, seconds=seconds))
        console.print(f"wrote {json_file}")
    if plot_file is not None:
        write_plot(found, plot_file)
        console.print(f"wrote {plot_file}")


def _levels(concurrency: str) -> list[int]:
    levels = [level.strip() for level in concurrency.split(",")]
    for level in levels:
        if not (level.isdecimal() and 0 < int(level) <= _MOST_IN_FLIGHT):
            raise click.BadParameter(
                f"{level!r} is not a number from 1 to {_MOST_IN_FLIGHT}; give such as 1,4,16",
                param_hint="--concurrency",
            )
    return [int(level) for level in levels]


async def _run(
    *,
    video: Path,
    pipeline: str,
    models: Path,
    compute: str,
    levels: list[int],
    rounds: int,
    seconds: float,
    here: tuple[str, ...],
    url: str | None,
    only: tuple[str, ...],
    console: Console,
) -> dict[Cell, list[Measurement]]:
    asked = [w for w in workloads(video) if not only or w.name.startswith(only)]
    found: dict[Cell, list[Measurement]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        repositories: dict[str, Path] = {}
        if compute in ("real", "both"):
            repositories["real"] = models
        if compute in ("no-op", "both"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podium-bench-")))
            repositories["no-op"] = no_op_repository(models, folder)
        for kind, repository in repositories.items():
            async with AsyncExitStack() as running:
                compositions = [
                    await running.enter_async_context(in_process(repository, pipeline)),
                    await running.enter_async_context(as_services(repository, pipeline)),
                ]
                if here:
                    others = as_services(repository, pipeline, here)
                    compositions.append(await running.enter_async_context(others))
                if url:
                    compositions.append(await running.enter_async_context(at_url(url, pipeline)))
                cells = [(w, c, level) for w in asked for level in levels for c in compositions]
                for workload, composition, _ in cells:  # warm up
                    await composition.ask(workload)
                with Progress(console=console, transient=True) as progress:
                    task = progress.add_task(f"{kind} models", total=rounds * len(cells))
                    for _ in range(rounds):
                        for workload, composition, level in cells:
                            cell = Cell(kind, composition.name, workload.name, level)
                            found[cell].append(await measure(composition, workload, level, seconds))
                            progress.advance(task)
    return dict(found)
