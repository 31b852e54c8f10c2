"""Measures a finished run again, with its events corrected by hand."""

from __future__ import annotations

from pathlib import Path

from podium.biomechanics.persons.selection import select
from podium.biomechanics.persons.trajectories import link
from podium.errors import InvalidInput
from podium.postprocess.documents import write_documents
from podium.postprocess.finished_run import CORRECTIONS, finished_run
from podium.postprocess.measured_clip import measure_clip
from podium.postprocess.overlay_files import existing_overlays


def remeasure(folder: Path) -> list[Path]:
    """Write the tables and documents of a run again; keep its overlays.

    Args:
        folder: Folder of a run, possibly with ``corrections.json``.

    Returns:
        The files that were written.

    Raises:
        InvalidInput: it is no folder of a run, or a correction names no event of it.
    """
    run = finished_run(folder)
    found = link(run.clip.tracklets, run.clip.frames)
    chosen = select(found, run.options.athlete)
    for person in run.corrections.keys() - {trajectory.person for trajectory in chosen}:
        raise InvalidInput(f"there is no person {person} in the run", field=CORRECTIONS)
    name = run.video.name or folder.name
    measured = measure_clip(name, run.clip, found, run.options, folder, corrections=run.corrections)
    notes = [
        f"Person {person}: {len(events)} events were corrected by hand ({CORRECTIONS})."
        for person, events in run.corrections.items()
    ]
    overlays = existing_overlays(folder, notes)
    _, names = write_documents(run.video, measured, overlays, folder)
    return [folder / name for name in names]
