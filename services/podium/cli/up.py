"""``podium up``: runs the services, the api and a controller until Ctrl-C."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from podium.local.log_lines import level_of, readable
from podium.local.settings import JOB_SERVICES, SERVICES
from podium.local.stack import FIRST_PORT, Stack, ports_from

_COLORS = dict(
    zip(
        (*SERVICES, *JOB_SERVICES),
        ("cyan", "green", "magenta", "blue", "yellow", "bright_black", "bright_cyan", "white"),
        strict=True,
    )
)
_LEVEL_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}
_WATCH_S = 0.5


@click.command("up")
@click.option(
    "--port",
    type=click.IntRange(1, 65535 - len(_COLORS) + 1),
    default=FIRST_PORT,
    show_default=True,
    help="Port of the gateway; the other services take the next five, the api the one after.",
)
@click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    help="Model repository. [default: PODIUM_MODELS, or ./models]",
)
@click.option(
    "--read",
    "read_roots",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Folder whose files requests may read; may be repeated. [default: none]",
)
@click.option(
    "--write",
    "write_roots",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that postprocessing may write to; may be repeated. [default: none]",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("podium-state"),
    envvar="PODIUM_JOBS_STATE",
    show_default=True,
    help="Folder for the data of jobs: database, uploads, results.",
)
@click.option("--jobs/--no-jobs", default=True, help="Whether to start the api and a controller.")
@click.option("--new-admin-key", is_flag=True, help="Make another admin key if yours is lost.")
@click.option("--json-logs", is_flag=True, help="Forward the log lines of the services unchanged.")
def command(
    *,
    port: int,
    models: Path | None,
    read_roots: tuple[Path, ...],
    write_roots: tuple[Path, ...],
    state: Path,
    jobs: bool,
    new_admin_key: bool,
    json_logs: bool,
) -> None:
    """Start the services on this machine and forward their logs, until Ctrl-C.

    \b
    Examples:
      podium up
      podium up --port 9000 --read clips --write results
      curl --data-binary @sprint.mp4 -H 'content-type: video/mp4' \\
           'http://127.0.0.1:8000/v1/pipelines/pose-3d?count=16'
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    console = Console(stderr=json_logs)
    log = _forward_json if json_logs else _Forwarder(console)
    stack = Stack(
        models=models,
        ports=ports_from(port),
        read_roots=read_roots,
        write_roots=write_roots,
        log=log,
        asks_for_keys=True,
        jobs=state if jobs else None,
        new_admin_key=new_admin_key,
    )
    with ExitStack() as running:
        with console.status("starting the services"):
            running.enter_context(stack)
        _announce(console, stack)
        never = threading.Event()
        while not never.wait(_WATCH_S):
            stack.check()


def _forward_json(_: str, line: str) -> None:
    click.echo(line)


class _Forwarder:
    """Prints readable log lines, each with the name of its service."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, service: str, line: str) -> None:
        text = Text(f"{service:>11} | ", style=_COLORS[service])
        text.append(readable(line), style=_LEVEL_STYLES.get(level_of(line), "default"))
        self._console.print(text, soft_wrap=True)


def _announce(console: Console, stack: Stack) -> None:
    table = Table(title="Podium is ready", title_justify="left")
    table.add_column("service")
    table.add_column("address")
    for name, url in stack.urls.items():
        table.add_row(Text(name, style=_COLORS[name]), url)
    console.print(table)
    if "api" in stack.urls:
        _announce_jobs(console, stack)
    console.print("Try, in another terminal:", style="bold")
    console.print(
        "  curl --data-binary @VIDEO.mp4 -H 'content-type: video/mp4' "
        f"'{stack.gateway_url}/v1/pipelines/pose-3d?count=16'\n"
        f"  podium run VIDEO.mp4 --gateway {stack.gateway_url}\n"
        f"The interface is described at {stack.gateway_url}/docs. Ctrl-C stops everything.",
        highlight=False,
        soft_wrap=True,
    )


def _announce_jobs(console: Console, stack: Stack) -> None:
    url = stack.urls["api"]
    if stack.admin_key is None:
        console.print(
            f"Open {url} and sign in with your key. `podium up --new-admin-key` makes another.\n",
            highlight=False,
        )
        return
    console.print(f"Open {url} and sign in with this key. It is shown this once:", style="bold")
    console.print(
        f"  {stack.admin_key.secret}\n"
        f"`podium configure --endpoint-url {url}` keeps it for `podium jobs` and for Python.\n",
        highlight=False,
        soft_wrap=True,
    )
