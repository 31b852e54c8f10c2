"""Exports the athletes of a finished run as files for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from podium.biomechanics.exports.formats import FORMATS, suffix_of
from podium.biomechanics.measures.registry import Measured
from podium.biomechanics.persons.trajectories import link
from podium.errors import InvalidInput, SetupError, Unprocessable
from podium.postprocess.documents import TABLES
from podium.postprocess.finished_run import finished_run
from podium.postprocess.measured_clip import measured_athletes

FOLDER = "exports"
ZIP = "zip"
ZIP_NAME = "exports.zip"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file, and why it was not written; empty: it was."""

    path: Path
    reason: str = ""


def export(run: Path, formats: Sequence[str]) -> Iterator[Exported]:
    """Write the athletes of a run to ``exports/person<N>.<suffix>`` in its folder.

    A format that an athlete cannot be written in keeps no other from being written.

    Args:
        run: Folder of a run, with ``results.json``, ``summary.json`` and possibly
            ``corrections.json``.
        formats: Keys of ``FORMATS``; ``zip`` puts the files and the tables of the run into
            ``exports/exports.zip``, and is of every format if it stands alone.

    Raises:
        InvalidInput: it is no folder of a run, or has no athlete.
    """
    read = finished_run(run)
    found = link(read.clip.tracklets, read.clip.frames)
    athletes = list(measured_athletes(read.clip, found, read.options, read.corrections))
    if not athletes:
        raise InvalidInput(f"{run} has no athlete to export", field="RUN")
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    named = [name for name in formats if name != ZIP] or list(FORMATS)
    written = []
    for athlete in athletes:
        for name in named:
            exported = _export(folder, athlete, name)
            written += [] if exported.reason else [exported.path]
            yield exported
    if ZIP in formats:
        tables = [run / name for name in (*TABLES, "measures.json", "summary.json")]
        yield _zipped(folder / ZIP_NAME, [*written, *filter(Path.exists, tables)])


def _export(folder: Path, athlete: Measured, name: str) -> Exported:
    path = folder / f"person{athlete.analysis.trajectory.person}.{suffix_of(name)}"
    try:
        FORMATS[name](path, athlete)
    except (Unprocessable, SetupError) as error:
        return Exported(path, error.message)
    return Exported(path)


def _zipped(path: Path, files: Sequence[Path]) -> Exported:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return Exported(path)
