"""``podium export``: writes a finished run as files for other programs."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("trc", "mot", "sto", "c3d", "gltf", "bvh", "csv-wide", "csv-comma", "parquet", "zip")
_USUAL = ("trc", "mot", "c3d", "gltf", "csv-wide")


@click.command("export")
@click.argument("run", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option(
    "--to",
    "formats",
    help=f"Formats, separated by commas. [default: {','.join(_USUAL)}]",
)
def command(run: Path, formats: str | None) -> None:
    """Write the athletes of a finished RUN as files for other programs.

    \b
    trc        markers in millimetres, for OpenSim and Pose2Sim
    mot        joint angles in degrees, for OpenSim
    sto        every series, for OpenSim's plotter
    c3d        markers, joint angles and foot contacts, for Visual3D, Mokka, MATLAB
    gltf       markers and bones that move, for Blender, three.js and viewers
    bvh        the fitted body in centimetres, for animation programs
    csv-wide   every series, one row per frame, for spreadsheets
    csv-comma  the same with a decimal comma and semicolons, as Excel reads it in most of Europe
    parquet    the same table for pandas, Polars, R (pip install 'podium[parquet]')
    zip        these files and the tables of the run; alone: every format

    RUN is a folder that `podium run` wrote. Files are written to RUN/exports, one per athlete and
    format.
    Metres need a scale: run with --height-m or a pipeline with 3D key points.

    \b
      podium export results/sprint
      podium export results/sprint --to c3d,trc
      podium export results/sprint --to csv-comma
      podium export results/sprint --to zip
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    wanted = _USUAL if formats is None else _known(formats)
    from podium.postprocess.exporting import export

    written, lacking = 0, 0
    for file in export(run, wanted):
        if file.reason:
            lacking += 1
            click.echo(f"{file.path} is not written: {file.reason}", err=True)
        else:
            written += 1
            click.echo(file.path)
    named = formats is not None and wanted != ("zip",)
    if not written or (named and lacking):
        raise SystemExit(1)


def _known(formats: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().lower() for name in formats.split(",")))
    unknown = [name or "nothing" for name in names if name not in FORMATS]
    if unknown:
        message = f"{', '.join(unknown)}; known are {', '.join(FORMATS)}"
        raise click.BadParameter(message, param_hint="--to")
    return names
