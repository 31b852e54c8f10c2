"""Runs a video for ``podium run`` and shows the progress: frames, files, places of the files."""

from __future__ import annotations

import asyncio
import re
import shlex
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal

from podium.cli.display import FrameBar, summary_table
from podium.client.run_folder import RunFolder
from podium.errors import InvalidInput, PodiumError
from podium.lab.accuracy import Accuracy, TrueLimbs, read_true_limbs, score
from podium.local.video_run import Frames, Placement, VideoRun, get_frames, write_files
from podium.schemas.summary import PostprocessResult
from podium.skeletons import skeleton

_MEDIA_FIELDS = ("media", "uri", "source")
_FIELDS = (
    *("pipeline", "start", "count", "stride", "tiles", "regions", "athlete"),
    *("intrinsics", "view", "filter"),
)
_OPTIONS = {
    "athlete_height_m": "--height-m",
    "athlete_mass_kg": "--mass-kg",
    "known_distance": "--known-distance",
    "cutoff_hz": "--cutoff-hz",
    "camera_tilt_deg": "--camera-tilt",
    "capture_fps": "--capture-fps",
    "max_persons": "--max-persons",
}
_NAMES = re.compile(rf"\b({'|'.join(_OPTIONS)})\b")


def show_run(
    run: VideoRun,
    placement: AbstractAsyncContextManager[Placement],
    truth: Path | None,
    console: Console,
) -> None:
    """Run a video and show the progress.

    Args:
        run: The run.
        placement: Where it runs.
        truth: Ground-truth file; None: the one beside the video, if there is one.
        console: Where to show the progress.

    Raises:
        PodiumError: the message names options of the command line; a note says how to continue,
            if that is possible.
    """
    try:
        _show_run(run, placement, truth, console)
    except PodiumError as error:
        error.message = in_words_of_options(error.message, run.video)
        raise


def _show_run(
    run: VideoRun,
    placement: AbstractAsyncContextManager[Placement],
    truth: Path | None,
    console: Console,
) -> None:
    limbs = _ground_truth(run.video, truth)
    with run.folder() as folder:
        if folder.is_other_run:
            _say(console, f"{run.out} held a run of another video or other options: starting anew")
        try:
            frames, outcome = asyncio.run(_work(run, folder, placement, console))
        except (PodiumError, OSError, KeyboardInterrupt) as error:
            if folder.has_batches():
                error.add_note(
                    f"what is done is kept in {run.out}; the same command goes on from there"
                )
            raise
        folder.forget_all_but([file.name for file in outcome.files])
        accuracy = None if limbs is None else _accuracy(folder, limbs)
        console.print(
            summary_table(run.video, outcome.summary, frames_per_s=frames.per_s, accuracy=accuracy)
        )
        for warning in outcome.warnings:
            shown = in_words_of_options(warning, run.video)
            console.print(f"warning: {shown}", style="yellow", markup=False, soft_wrap=True)
        _say(console, "files")
        written = [(str(run.out / file.name), file.size_bytes) for file in outcome.files]
        for place, size in [*written, (str(folder.results), folder.results.stat().st_size)]:
            _say(console, f"{decimal(size):>10}  {place}")
        _say(console, f"look at them: podium view {shlex.quote(str(run.out))}")


def _say(console: Console, line: str) -> None:
    """Print without line breaks, so that paths stay whole."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def in_words_of_options(message: str, video: Path) -> str:
    """A message of a stage, with its fields replaced by options of the command line."""
    field, colon, rest = message.partition(": ")
    if colon and field in _MEDIA_FIELDS:
        return f"{video}: {rest}"
    if colon and (option := field.partition(".")[0]) in _FIELDS:
        message = f"--{option}: {rest}"
    return _NAMES.sub(lambda name: _OPTIONS[name[0]], message)


async def _work(
    run: VideoRun,
    folder: RunFolder,
    placement: AbstractAsyncContextManager[Placement],
    console: Console,
) -> tuple[Frames, PostprocessResult]:
    status = console.status("starting")
    status.start()
    try:
        async with placement as stages:
            status.stop()
            with FrameBar(console) as bar:
                frames = await get_frames(run, folder, stages, bar.show)
            if frames.resumed:
                console.print(f"{frames.resumed} of {frames.done} frames were done before")
            with console.status("postprocessing"):
                return frames, await write_files(run, folder, stages)
    finally:
        status.stop()


def _ground_truth(video: Path, truth: Path | None) -> TrueLimbs | None:
    if truth is None:
        beside = video.with_suffix(".json")
        try:
            return read_true_limbs(beside) if beside.is_file() else None
        except OSError:  # the name with .json is too long
            return None
    limbs = read_true_limbs(truth)
    if limbs is None:
        raise InvalidInput(f"{truth} is not a ground truth of Podium's format", field="--truth")
    return limbs


def _accuracy(folder: RunFolder, truth: TrueLimbs) -> Accuracy | None:
    names = skeleton(next(folder.batches()).skeleton)
    return score((frame for batch in folder.batches() for frame in batch.frames), names, truth)
