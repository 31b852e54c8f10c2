"""The documents of a measured clip: summary, measures, motion, report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from podium.biomechanics.exports.motion import motion_of
from podium.postprocess.measured_clip import MeasuredClip
from podium.postprocess.overlay_files import VIDEO, Overlays
from podium.postprocess.reporting import report_of
from podium.postprocess.summary import summary_of
from podium.render.report import render_report
from podium.schemas.measures import MeasureFile
from podium.schemas.motion import Motion, MotionSource
from podium.schemas.summary import Summary
from podium.viewer.page import MAX_EMBEDDED_VIDEO_BYTES, embedded_viewer

_CHARACTERS_AT_ONCE = 1 << 16

TABLES = ("keypoints.csv", "biomechanics.csv", "measures.csv", "events.csv", "cycles.csv")


def write_documents(
    source: Path, measured: MeasuredClip, overlays: Overlays, folder: Path
) -> tuple[Summary, list[str]]:
    """Write the documents beside the tables and the overlays.

    Args:
        source: The video, for the viewer in the report.
        measured: The clip.
        overlays: The written overlays.
        folder: Folder of the tables.

    Returns:
        The summary, and the names of all files of the clip.
    """
    summary = summary_of(measured, overlays.notes)
    _write(folder / "summary.json", summary, indent=2)
    _write(
        folder / "measures.json",
        MeasureFile(
            podium_version=summary.podium_version,
            skeleton=measured.clip.skeleton.name,
            athletes=list(measured.listed),
        ),
    )
    _write(folder / "motion.json", _motion(measured, summary))
    files = [*TABLES, "measures.json", "summary.json", "motion.json"]
    files += [VIDEO] if overlays.video else []
    files += [path.relative_to(folder).as_posix() for path in overlays.pictures.values()]
    report = report_of(measured, summary, overlays.pictures, files)
    moves = len(measured.clip.frames) > 1
    motion = _pieces(folder / "motion.json")
    viewer = embedded_viewer(motion, video=_small_video(source)) if moves else ()
    with (folder / "report.html").open("w", encoding="utf-8") as file:
        file.writelines(render_report(report, viewer))
    return summary, [*files, "report.html"]


def _write(path: Path, document: BaseModel, indent: int | None = None) -> None:
    path.write_text(document.model_dump_json(indent=indent), encoding="utf-8")


def _pieces(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        while piece := file.read(_CHARACTERS_AT_ONCE):
            yield piece


def _motion(measured: MeasuredClip, summary: Summary) -> Motion:
    """The content of ``motion.json``."""
    facts, clip = summary.source, measured.clip
    analysed = {person.person for person in summary.persons}
    return motion_of(
        MotionSource(name=measured.name, width=facts.width, height=facts.height, fps=facts.fps),
        clip.skeleton,
        clip.frames,
        measured.athletes,
        others=[each for each in measured.found if each.person not in analysed],
        corrections=measured.corrections,
        warnings=summary.warnings,
        notes=[*summary.assumptions, *summary.conventions],
    )


def _small_video(source: Path) -> bytes | None:
    """The video, if it is small enough for a page and browsers can probably play it."""
    if not source.is_file() or source.stat().st_size > MAX_EMBEDDED_VIDEO_BYTES:
        return None
    content = source.read_bytes()
    return content if content[4:8] == b"ftyp" else None
