"""``podium doctor``: checks whether this machine is ready, and says what to do if not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from podium.cli import checks
from podium.cli.checks import Finding, State
from podium.local.model_folder import default_models
from podium.local.stack import FIRST_PORT, ports_from

_STYLES: dict[State, str] = {"ok": "green", "info": "cyan", "warn": "yellow", "fail": "bold red"}


@click.command("doctor")
@click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_models,
    show_default="PODIUM_MODELS, or ./models",
    help="Model repository.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65530),
    default=FIRST_PORT,
    show_default=True,
    help="First of the six ports for `podium up`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def command(context: click.Context, models: Path, port: int, as_json: bool) -> None:
    """Check Python, packages, models, ports, codecs, GPU, folders and the machine.

    The exit code is 1 if a check fails; warnings and information do not count.

    \b
    Examples:
      podium doctor
      podium doctor --json
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    findings = list(_examine(models, port))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    context.exit(any(finding.state == "fail" for finding in findings))


def _examine(models: Path, port: int) -> Iterator[Finding]:
    yield from checks.python()
    installed = list(checks.packages())
    yield from installed
    if all(finding.state == "ok" for finding in installed):
        yield from checks.opencv()
        yield from checks.codecs()
    yield from checks.models(models)
    yield from checks.ports(ports_from(port))
    yield from checks.gpu()
    yield from checks.folders()
    yield from checks.machine()


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        detail = Text(finding.detail)
        if finding.remedy:
            detail.append(f"\n-> {finding.remedy}", style="bold")
        table.add_row(Text(finding.state, style=_STYLES[finding.state]), finding.name, detail)
    Console().print(table)
