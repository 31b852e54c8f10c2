"""Exports the athletes of a finished run as motion capture files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from podium.biomechanics.exports.formats import FORMATS
from podium.biomechanics.persons.trajectories import link
from podium.errors import InvalidInput
from podium.postprocess.finished_run import finished_run
from podium.postprocess.measured_clip import measured_athletes

FOLDER = "exports"


def export(run: Path, formats: Sequence[str]) -> list[Path]:
    """Write the athletes of a run to ``exports/person<N>.<format>`` in its folder.

    Args:
        run: Folder of a run, with ``results.json``, ``summary.json`` and possibly
            ``corrections.json``.
        formats: Keys of ``FORMATS``.

    Raises:
        InvalidInput: it is no folder of a run, or has no athlete.
        Unprocessable: the athlete lacks what a format needs.
    """
    read = finished_run(run)
    found = link(read.clip.tracklets, read.clip.frames)
    athletes = list(measured_athletes(read.clip, found, read.options, read.corrections))
    if not athletes:
        raise InvalidInput(f"{run} has no athlete to export", field="RUN")
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    written = []
    for athlete in athletes:
        for suffix in formats:
            path = folder / f"person{athlete.analysis.trajectory.person}.{suffix}"
            FORMATS[suffix](path, athlete)
            written.append(path)
    return written
