"""Turns the frame results of a whole video into files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from podium.biomechanics.persons.trajectories import link
from podium.biomechanics.signals.checkpoints import checked_by
from podium.errors import TooLarge
from podium.media.codecs import Codecs
from podium.postprocess.batches import Batch
from podium.postprocess.beside import Beside, Check, in_thread
from podium.postprocess.documents import write_documents
from podium.postprocess.frame_results import merge
from podium.postprocess.measured_clip import UNCORRECTED, chosen, measure_clip
from podium.postprocess.output_files import output_files
from podium.postprocess.overlay_files import Overlays, draw_overlays
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import PipelineResult
from podium.schemas.summary import PostprocessResult


class Postprocessor:
    """Turns results into files.

    Args:
        max_frames: Largest number of frames of the results, and of all athletes together.
        max_pixels: Largest number of pixels of a frame for overlays.
        codecs: Decode the source; None: those of this process.
        beside: Where overlays are drawn while the athletes are measured.
    """

    def __init__(
        self,
        *,
        max_frames: int = 216_000,
        max_pixels: int = 40_000_000,
        codecs: Codecs | None = None,
        beside: Beside[Overlays] = in_thread,
    ) -> None:
        self._max_frames = max_frames
        self._max_pixels = max_pixels
        self._codecs = codecs
        self._beside = beside

    def process(
        self,
        source: Path,
        results: Iterable[Batch | PipelineResult],
        output: Path,
        options: PostprocessOptions,
        check: Callable[[], None] = lambda: None,
        *,
        name: str = "",
    ) -> PostprocessResult:
        """Analyse a clip and write its files.

        Args:
            source: The video or picture of the results.
            results: Batches in any order; an iterator lets them go once they are joined.
            output: Folder to write to; created if it is missing.
            options: Options of the analysis and of the files.
            check: Called between steps and frames; ends the work by raising.
            name: Name of the video, for people; empty: that of the file.

        Returns:
            The files with local addresses, the summary, and warnings.

        Raises:
            InvalidInput: the results do not fit together, or the corrections do not fit them.
            UnsupportedMedia, Unprocessable: overlays are requested and the source is unreadable.
            TooLarge: over one of the limits.
        """
        with checked_by(check):
            clip = merge(results, max_frames=self._max_frames)
            found = link(clip.tracklets, clip.frames)
            clip = replace(clip, tracklets=())  # the trajectories hold the same numbers
        check()
        output.mkdir(parents=True, exist_ok=True)
        corrections = options.corrections or UNCORRECTED
        athletes = chosen(found, options, corrections)
        rows = sum(len(athlete) for athlete in athletes)
        if rows > self._max_frames:
            raise TooLarge(
                f"{len(athletes)} athletes are seen on {rows} frames together; the limit is "
                f"{self._max_frames}: choose one of them, or process parts of the video",
                field="athlete",
            )

        def draw(check: Check) -> Overlays:
            return draw_overlays(
                source,
                clip,
                athletes,
                options,
                output,
                max_pixels=self._max_pixels,
                codecs=self._codecs,
                check=check,
            )

        with self._beside(draw, check) as drawn:
            with checked_by(check):
                measured = measure_clip(
                    name or source.name,
                    clip,
                    found,
                    options,
                    output,
                    check=check,
                    corrections=corrections,
                )
            overlays = drawn()
        summary, names = write_documents(source, measured, overlays, output)
        return PostprocessResult(
            files=output_files(output, names), summary=summary, warnings=summary.warnings
        )
