"""``podium compare``: compares two finished runs."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command("compare")
@click.argument("a", type=_FOLDER)
@click.argument("b", type=_FOLDER)
@click.option(
    "--by",
    type=click.Choice(["stride", "clip"]),
    default="stride",
    show_default=True,
    help="A cycle: from contact to contact of a foot, or the whole clip.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="[default: compare-B in A]"
)
def command(a: Path, b: Path, by: str, out: Path | None) -> None:
    """Compare joint angles of the finished runs A and B over the cycle.

    Each cycle is resampled to 101 points. compare.html shows means with bands of one standard
    deviation, the RMSE, and the shift of peaks; compare.csv has the curves.

    \b
      podium compare results/monday results/friday
      podium compare results/squat-1 results/squat-2 --by clip
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    from podium.postprocess.comparing import compare_runs

    folder = out or a / f"compare-{b.resolve().name}"
    for path in compare_runs(a, b, folder, "clip" if by == "clip" else "stride"):
        click.echo(path)
