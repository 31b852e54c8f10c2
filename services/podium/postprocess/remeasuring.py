"""Measures a finished run again, with the corrections by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

from podium.biomechanics.persons.trajectories import link
from podium.postprocess.documents import TABLES, write_documents
from podium.postprocess.finished_run import CORRECTIONS, finished_run
from podium.postprocess.measured_clip import measure_clip
from podium.postprocess.overlay_files import existing_overlays
from podium.schemas.corrections import CorrectionFile
from podium.whole_files import PARTIAL, replacing

_OVERLAYS_ARE_OLD = "The overlay pictures and overlay.mp4 show the key points before corrections."


def correct(folder: Path, corrections: CorrectionFile) -> None:
    """Measure a run with corrections, and keep them in its ``corrections.json``.

    Raises:
        InvalidInput: see ``remeasure``; then nothing changes.
    """
    remeasure(folder, corrections)
    with replacing(folder / CORRECTIONS) as file:
        file.write(corrections.model_dump_json(indent=1).encode())


def remeasure(folder: Path, corrections: CorrectionFile | None = None) -> list[Path]:
    """Write the tables and documents of a run again; keep its overlays.

    Nothing is written if the corrections are wrong.

    Args:
        folder: Folder of a run.
        corrections: Corrections by hand; None: those of ``corrections.json`` in the folder.

    Returns:
        The files that were written.

    Raises:
        InvalidInput: it is no folder of a run, or a correction names what it does not have.
    """
    run = finished_run(folder, corrections)
    found = link(run.clip.tracklets, run.clip.frames)
    name = run.video.name or folder.name
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder) as partial:
        measured = measure_clip(
            name, run.clip, found, run.options, Path(partial), corrections=run.corrections
        )
        for table in TABLES:
            Path(partial, table).replace(folder / table)
    overlays = existing_overlays(folder, ())
    moved = run.corrections.athletes or any(each.keypoints for each in run.corrections.persons)
    if moved and (overlays.video or overlays.pictures):
        overlays = existing_overlays(folder, [_OVERLAYS_ARE_OLD])
    _, names = write_documents(run.video, measured, overlays, folder)
    return [folder / name for name in names]
