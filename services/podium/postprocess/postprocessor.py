"""The frame results of a whole video to files: the domain of the postprocess service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from podium.biomechanics.signals.checkpoints import checked_by
from podium.media.codecs import Codecs
from podium.postprocess.documents import write_documents
from podium.postprocess.frame_results import merge
from podium.postprocess.measured_clip import measure_clip
from podium.postprocess.output_files import output_files
from podium.postprocess.overlay_files import draw_overlays
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import PipelineResult
from podium.schemas.summary import PostprocessResult


class Postprocessor:
    """Turns results into files.

    Args:
        max_frames: The most frames that the results may span.
        max_pixels: The largest frames that overlays are drawn on.
        codecs: Where the source is decoded; None: in this process.
    """

    def __init__(
        self,
        *,
        max_frames: int = 216_000,
        max_pixels: int = 40_000_000,
        codecs: Codecs | None = None,
    ) -> None:
        self._max_frames = max_frames
        self._max_pixels = max_pixels
        self._codecs = codecs

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
        output.mkdir(parents=True, exist_ok=True)
        with checked_by(check):
            measured = measure_clip(name or source.name, clip, options, output, check)
        overlays = draw_overlays(
            source,
            measured,
            output,
            max_pixels=self._max_pixels,
            codecs=self._codecs,
            check=check,
        )
        summary, names = write_documents(source, measured, overlays, output)
        return PostprocessResult(
            files=output_files(output, names), summary=summary, warnings=summary.warnings
        )
