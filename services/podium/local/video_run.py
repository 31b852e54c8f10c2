"""Runs one video through a pipeline to files, with stages in any place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium.client.batches import BatchRun, Progress, Request
from podium.client.run_folder import RunFolder, fingerprint
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import PostprocessResult
from podium.stages import Postprocess


@dataclass(frozen=True)
class VideoRun:
    """The options of a run.

    Attributes:
        video: Absolute path.
        out: Absolute path of the folder to write to.
        overwrite: Whether results of another video or other files in ``out`` may be replaced.
        pipeline: Name of the pipeline.
        uri: Address of the video for a remote gateway; None: it is uploaded.
        start: First frame.
        count: Number of frames; None: to the end.
        batch: Frames per request.
        in_flight: Requests at the same time.
        frame_options: Options of every request for frames.
        postprocess_options: Options of the postprocessing.
    """

    video: Path
    out: Path
    pipeline: str
    uri: str | None
    start: int
    count: int | None
    batch: int
    in_flight: int
    frame_options: dict[str, Any]
    postprocess_options: PostprocessOptions
    overwrite: bool = False

    def identity(self) -> dict[str, Any]:
        """The values that distinguish this run from others."""
        names = ("pipeline", "uri", "start", "count", "batch")
        options = {name: getattr(self, name) for name in names} | self.frame_options
        return fingerprint(self.video, options)

    def folder(self) -> RunFolder:
        """The folder, a context manager; it has the results so far of an earlier equal run."""
        return RunFolder(self.out, self.identity(), self.video, overwrite=self.overwrite)


@dataclass(frozen=True, slots=True)
class Placement:
    """How a run gets its frames, and its postprocessor."""

    request: Request
    postprocess: Postprocess


@dataclass(frozen=True)
class Frames:
    """The progress of a run."""

    done: int
    resumed: int  # frames of ``done`` from an earlier run
    elapsed_s: float

    @property
    def per_s(self) -> float | None:
        """Frames per second of the new frames; None if there were none."""
        new = self.done - self.resumed
        return new / self.elapsed_s if new else None


async def get_frames(
    run: VideoRun, folder: RunFolder, placement: Placement, progress: Progress
) -> Frames:
    """Get all frames, and join them into ``results.json``. Raises PodiumError."""
    batches = BatchRun(
        folder, placement.request, run.start, run.count, run.batch, run.in_flight, progress
    )
    started_s = time.monotonic()
    await batches.all()
    folder.join()
    elapsed_s = time.monotonic() - started_s
    return Frames(batches.frames_done, batches.frames_resumed, elapsed_s)


async def write_files(run: VideoRun, folder: RunFolder, placement: Placement) -> PostprocessResult:
    """Turn the joined frames into files in the folder. Raises PodiumError."""
    return await placement.postprocess.postprocess(
        run.video.as_uri(),
        folder.root.as_uri(),
        run.postprocess_options,
        results_uri=folder.results.as_uri(),
    )
