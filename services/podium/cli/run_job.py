"""What ``podium run`` does, and shows meanwhile: frames, then files, then where they are."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rich.console import Console

from podium.cli.display import FrameBar, files_table, summary_table
from podium.client.run_folder import RunFolder
from podium.errors import InvalidInput, PodiumError
from podium.lab.accuracy import Accuracy, TrueLimbs, read_true_limbs, score
from podium.local.video_run import Frames, Placement, VideoRun, get_frames, write_files
from podium.schemas.summary import PostprocessResult
from podium.skeletons import skeleton


def show_run(
    run: VideoRun,
    placement: AbstractAsyncContextManager[Placement],
    truth: Path | None,
    console: Console,
) -> None:
    """Run a video and show how it goes.

    Args:
        run: What to do.
        placement: Where it is done.
        truth: Ground-truth file; None: the one beside the video, if there is one.
        console: Where to show it.

    Raises:
        PodiumError: with a note of what is kept, where the same command would go on.
    """
    limbs = _ground_truth(run.video, truth)
    folder = run.folder()
    if folder.is_other_run:
        console.print(f"{run.out} held a run of another video or other options: starting anew")
    try:
        frames, outcome = asyncio.run(_work(run, folder, placement, console))
    except (PodiumError, KeyboardInterrupt) as error:
        if folder.has_batches():
            error.add_note(
                f"what is done is kept in {run.out}; the same command goes on from there"
            )
        raise
    accuracy = None if limbs is None else _accuracy(folder, limbs)
    console.print(
        summary_table(run.video, outcome.summary, frames_per_s=frames.per_s, accuracy=accuracy)
    )
    for warning in outcome.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    written = [(str(run.out / file.name), file.size_bytes) for file in outcome.files]
    written.append((str(folder.results), folder.results.stat().st_size))
    console.print(files_table(written))


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
        return read_true_limbs(beside) if beside.is_file() else None
    limbs = read_true_limbs(truth)
    if limbs is None:
        raise InvalidInput(f"{truth} is not a ground truth of Podium's format", field="--truth")
    return limbs


def _accuracy(folder: RunFolder, truth: TrueLimbs) -> Accuracy | None:
    names = skeleton(next(folder.batches()).skeleton)
    return score((frame for batch in folder.batches() for frame in batch.frames), names, truth)
