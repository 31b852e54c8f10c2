"""``podium export``: writes a finished run as motion capture files."""

from __future__ import annotations

from pathlib import Path

import click

_FORMATS = ("trc", "mot", "c3d", "csv")


@click.command("export")
@click.argument("run", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option(
    "--to",
    "formats",
    default=",".join(_FORMATS),
    show_default=True,
    help="Formats, separated by commas.",
)
def command(run: Path, formats: str) -> None:
    """Write the athletes of a finished RUN as files for other programs.

    \b
    trc  markers in millimetres, for OpenSim and Pose2Sim
    mot  joint angles in degrees, for OpenSim
    c3d  markers, joint angles and foot contacts, for Visual3D, Mokka, MATLAB
    csv  every series, one row per frame, for spreadsheets

    RUN is a folder that `podium run` wrote. Files are written to RUN/exports, one per athlete and
    format.
    Metres need a scale: run with --height-m or a pipeline with 3D key points.

    \b
      podium export results/sprint
      podium export results/sprint --to c3d,trc
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    wanted = [name.strip().lower() for name in formats.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in _FORMATS]
    if unknown or not wanted:
        raise click.BadParameter(
            f"{', '.join(unknown) or 'nothing'}; known are {', '.join(_FORMATS)}", param_hint="--to"
        )
    from podium.postprocess.exporting import export

    for path in export(run, wanted):
        click.echo(path)
