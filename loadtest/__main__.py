"""``python -m loadtest``: runs a load test on services that it starts, or on any gateway."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from loadtest.capacity import PRICES, load_prices
from loadtest.local_stack import local_stack
from loadtest.preflight import require_gateways, require_names
from loadtest.profile import ProfileError, load_profile
from loadtest.run import FIGURES, NO_RUN, REPORTS
from podium.errors import PodiumError

LOCUSTFILE = Path(__file__).parent / "locustfile.py"
PROFILE = "profile.json"
"""The profile with all overrides, to repeat the run."""

ADDRESSED = "addressed.json"
"""The profile with the addresses of the services that were started for this run."""

NUMBERS = {
    "frames/s": ("frames_per_s", 1),
    "CPU-s per frame": ("cpu_s_per_frame", 4),
    "frames per core-hour": ("frames_per_core_hour", 0),
    "cost per million frames": ("per_million", 2),
}
"""Column -> field of the figures, and number of digits."""


@click.command()
@click.option(
    "--profile", "name", default="local", show_default=True, help="Shipped profile, or file."
)
@click.option("--host", help="Base URL of a gateway. [default: start the services here]")
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="May be repeated.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the report. [default: results/loadtest/PROFILE-TIME]",
)
@click.option(
    "--prices",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PRICES,
    show_default="loadtest/prices.toml",
    help="File with the prices of machines.",
)
@click.option("--workers", type=click.IntRange(0, 64), default=0, help="Processes that make load.")
@click.option("--web", is_flag=True, help="Locust's web interface; start the run there.")
@click.option("--web-port", type=click.IntRange(1, 65535), default=8089, show_default=True)
def command(
    *,
    name: str,
    host: str | None,
    overrides: tuple[str, ...],
    out: Path | None,
    prices: Path,
    workers: int,
    web: bool,
    web_port: int,
) -> None:
    """Run a load test and write its report.

    Exit codes: 0: the objectives of the profile are met; 1: they are not; 2: there was no run.

    \b
    Examples:
      python -m loadtest
      python -m loadtest --profile ramp --host http://gateway:8000 --workers 4
      python -m loadtest --profile soak --set slo.max_p99_growth=1.5
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    folder = out or REPORTS / f"{Path(name).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    flags = ["--processes", str(workers)] if workers else []
    flags += ["--web-host", "127.0.0.1", "--web-port", str(web_port)] if web else ["--headless"]
    try:
        profile = load_profile(name, overrides)
        if host:
            profile = profile.at(host)
        load_prices(prices)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FIGURES).unlink(missing_ok=True)  # of an earlier run
        (folder / PROFILE).write_text(profile.model_dump_json(indent=2) + "\n")
        with local_stack(profile) as addressed:
            require_gateways(addressed)
            require_names(addressed)
            (folder / ADDRESSED).write_text(addressed.model_dump_json(indent=2) + "\n")
            code = _locust(folder, prices, flags)
    except KeyboardInterrupt:
        click.echo("loadtest: stopped before there was a report", err=True)
        sys.exit(NO_RUN)
    except (ProfileError, PodiumError, OSError) as error:
        click.echo(f"loadtest: {error}", err=True)
        sys.exit(NO_RUN)
    if not (folder / FIGURES).is_file():
        click.echo("loadtest: Locust ended without a report", err=True)
        sys.exit(NO_RUN)
    _print(Console(width=max(Console().width, 110)), folder)
    sys.exit(code)


def _locust(folder: Path, prices: Path, flags: Sequence[str]) -> int:
    """Run Locust and return its exit code; Ctrl-C ends the run early, with a report.

    It runs in its own session, so that it gets Ctrl-C only once; a second Ctrl-C kills it with all
    its workers.
    """
    process = subprocess.Popen(  # noqa: S603 - our own flags, no shell
        [
            *(sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE)),
            *("--load-profile", str(folder / ADDRESSED), "--report", str(folder)),
            *("--prices", str(prices), "--loglevel", "WARNING"),
            *("--json-file", str(folder / "locust"), "--only-summary", *flags),
        ],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(LOCUSTFILE.parent.parent), *sys.path]),
        },
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        click.echo("stopping; the report comes", err=True)
        process.send_signal(signal.SIGINT)
        return process.wait()
    finally:
        with suppress(ProcessLookupError):  # all processes have ended
            os.killpg(process.pid, signal.SIGKILL)


def _print(console: Console, folder: Path) -> None:
    """Print the verdict, the capacity table, and the place of the report."""
    figures = orjson.loads((folder / FIGURES).read_bytes())
    for verdict in figures["verdicts"]:
        if not verdict["good"]:
            click.echo(
                f"missed: {verdict['objective']}: {verdict['found']}, wanted {verdict['wanted']}"
            )
    if best := figures["best"]:
        click.echo(f"the generator took {best['generator_share']:.1%} of its machine at capacity")
    if bottleneck := figures["bottleneck"]:
        click.echo(f"bottleneck: {bottleneck['stage']}: {bottleneck['why']}")
    if knee := figures["knee"]:
        click.echo(
            f"knee: {knee['name']}, {knee['frames_per_s']:.1f} frames/s, "
            f"p99 {knee['p99_ms']:.0f} ms"
        )
    table = Table(title="Capacity", title_justify="left")
    for column in ("machine", "how", *NUMBERS):
        table.add_column(column, justify="right" if column in NUMBERS else "left")
    for row in figures["capacity"]:
        table.add_row(
            row["machine"],
            "measured" if row["measured"] else "scaled on paper",
            *(_number(row[field], digits) for field, digits in NUMBERS.values()),
        )
    console.print(table)
    click.echo(f"report: {folder / 'report.html'}")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command(prog_name="python -m loadtest")
