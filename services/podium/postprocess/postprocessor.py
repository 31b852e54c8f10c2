"""The frame results of a whole video to files: the domain of the postprocess service."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from podium.biomechanics.analysis import Analysis, AnalysisOptions, analyse
from podium.biomechanics.exports.motion import motion_of
from podium.biomechanics.exports.tables import open_tables
from podium.biomechanics.measures.registry import Measured, dictionary, measures_of
from podium.biomechanics.persons.selection import select
from podium.biomechanics.persons.trajectories import link
from podium.biomechanics.signals.filters import Smoothing
from podium.postprocess.frame_results import Clip, merge
from podium.postprocess.measure_list import count, entry_of
from podium.postprocess.overlays import write_overlays
from podium.postprocess.reporting import report_of
from podium.postprocess.source import open_source
from podium.postprocess.summary import summary_of
from podium.render.report import render_report
from podium.schemas.measures import AthleteMeasures, MeasureFile
from podium.schemas.motion import MotionSource
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import PipelineResult
from podium.schemas.summary import OutputFile, PostprocessResult, Summary
from podium.types import Int64
from podium.viewer.page import MAX_EMBEDDED_VIDEO_BYTES, embedded_viewer

TABLES = ("keypoints.csv", "biomechanics.csv", "measures.csv", "events.csv")
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".html": "text/html",
}


class Postprocessor:
    """Turns results into files.

    Args:
        max_frames: The most frames that the results may span.
        max_pixels: The largest frames that overlays are drawn on.
    """

    def __init__(self, *, max_frames: int = 216_000, max_pixels: int = 40_000_000) -> None:
        self._max_frames = max_frames
        self._max_pixels = max_pixels

    def process(
        self,
        source: Path,
        results: Sequence[PipelineResult],
        output: Path,
        options: PostprocessOptions,
        check: Callable[[], None] = lambda: None,
        *,
        name: str = "",
    ) -> PostprocessResult:
        """Analyse a clip and write its files.

        Args:
            source: The video or picture that the results are of.
            results: Batches in any order.
            output: Folder to write to; made if it is not there.
            options: What to do.
            check: Called between the steps and the frames; what it raises ends the work.
            name: Of the video, for people; empty: that of the file.

        Returns:
            The files with local addresses, the summary, and warnings.

        Raises:
            InvalidInput: the results do not fit together.
            UnsupportedMedia, Unprocessable: overlays are wanted and the source cannot be read.
            TooLarge: over one of the limits.
        """
        clip = merge(results, max_frames=self._max_frames)
        check()
        found = link(clip.tracklets, clip.frames)
        chosen = select(found, options.athlete)
        output.mkdir(parents=True, exist_ok=True)
        size = (clip.result.source.width, clip.result.source.height)
        settings = analysis_options(options, size)
        persons: list[Measured] = []
        listed: list[AthleteMeasures] = []
        with open_tables(output, dictionary(clip.skeleton)) as tables:
            for trajectory in chosen:
                check()
                analysis = analyse(trajectory, clip.skeleton, settings)
                measures = measures_of(analysis)
                for table in tables:
                    check()
                    table.add(analysis, measures)
                listed.append(
                    AthleteMeasures(
                        person=trajectory.person, measures=[entry_of(m) for m in measures]
                    )
                )
                shown = tuple(measure for measure in measures if measure.shown != "tables")
                persons.append(Measured(analysis, shown))
        check()
        analyses = [person.analysis for person in persons]
        pictures, notes = self._overlays(source, clip, analyses, output, options, check=check)
        summary = summary_of(clip, persons, count(listed), found, options)
        summary.warnings += notes
        (output / "summary.json").write_text(summary.model_dump_json(indent=2), encoding="utf-8")
        measures_json = MeasureFile(
            podium_version=summary.podium_version, skeleton=clip.skeleton.name, athletes=listed
        )
        (output / "measures.json").write_text(measures_json.model_dump_json(), encoding="utf-8")
        motion = _motion(name or source.name, clip, persons, summary)
        (output / "motion.json").write_text(motion, encoding="utf-8")
        files = [*TABLES, "measures.json", "summary.json", "motion.json"]
        files += ["overlay.mp4"] if (output / "overlay.mp4").exists() else []
        files += [path.relative_to(output).as_posix() for path in pictures.values()]
        report = report_of(clip, persons, summary, pictures, files, name=name or source.name)
        viewer = embedded_viewer(motion, video=_small_video(source)) if len(clip.frames) > 1 else ""
        (output / "report.html").write_text(render_report(report, viewer), encoding="utf-8")
        return PostprocessResult(
            files=[_output_file(output, name) for name in [*files, "report.html"]],
            summary=summary,
            warnings=summary.warnings,
        )

    def _overlays(
        self,
        source: Path,
        clip: Clip,
        analyses: Sequence[Analysis],
        output: Path,
        options: PostprocessOptions,
        *,
        check: Callable[[], None],
    ) -> tuple[dict[int, Path], list[str]]:
        """Write ``overlay.mp4`` and pictures; return the pictures and what to warn of."""
        video = output / "overlay.mp4"
        for earlier in (video, *(output / "overlay").glob("frame_*.jpg")):
            earlier.unlink(missing_ok=True)
        rows = _picture_rows(clip, analyses, options.overlay_frames)
        if not len(clip.frames) or not (options.overlay or len(rows)):
            return {}, []
        opened = open_source(source, max_pixels=self._max_pixels)
        moving = bool(opened.fps)
        pictures, drawn = write_overlays(
            opened,
            clip.frames,
            analyses,
            video=video if options.overlay and moving else None,
            pictures=output / "overlay",
            picture_rows=rows,
            check=check,
        )
        notes = []
        if options.overlay and not moving:
            notes.append("The source is a picture: there is no overlay.mp4.")
        expected = len(clip.frames) if options.overlay and moving else len(rows)
        if drawn < expected:
            notes.append(f"{expected - drawn} of {expected} overlay frames are not in the source.")
        return pictures, notes


def _motion(name: str, clip: Clip, persons: Sequence[Measured], summary: Summary) -> str:
    """The content of ``motion.json``."""
    facts = summary.source
    motion = motion_of(
        MotionSource(name=name, width=facts.width, height=facts.height, fps=facts.fps),
        clip.skeleton,
        clip.frames,
        persons,
        warnings=summary.warnings,
        notes=[*summary.assumptions, *summary.conventions],
    )
    return motion.model_dump_json()


def _small_video(source: Path) -> bytes | None:
    """The video, if a page can hold it and browsers are likely to play it."""
    if not source.exists() or source.stat().st_size > MAX_EMBEDDED_VIDEO_BYTES:
        return None
    content = source.read_bytes()
    return content if content[4:8] == b"ftyp" else None


def analysis_options(options: PostprocessOptions, frame_size: tuple[int, int]) -> AnalysisOptions:
    """What concerns the analysis."""
    return AnalysisOptions(
        smoothing=Smoothing(options.filter, options.cutoff_hz),
        max_gap_frames=options.max_gap_frames,
        athlete_height_m=options.athlete_height_m,
        athlete_mass_kg=options.athlete_mass_kg,
        frame_size=frame_size,
    )


def _picture_rows(clip: Clip, analyses: Sequence[Analysis], count: int) -> Int64:
    """Evenly spaced rows of the timeline, of those that show a chosen person if there are any."""
    seen = [a.trajectory.frame_index[np.isfinite(a.trajectory.scores)] for a in analyses]
    index = np.unique(np.concatenate(seen)) if seen else clip.frames.frame_index
    rows = np.searchsorted(clip.frames.frame_index, index)
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return np.asarray(rows[chosen], np.int64)


def _output_file(folder: Path, name: str) -> OutputFile:
    path = folder / name
    with path.open("rb") as file:
        digest: Any = hashlib.file_digest(file, "sha256")
    return OutputFile(
        name=name,
        uri=path.absolute().as_uri(),
        size_bytes=path.stat().st_size,
        sha256=digest.hexdigest(),
        media_type=_MEDIA_TYPES[path.suffix],
    )
