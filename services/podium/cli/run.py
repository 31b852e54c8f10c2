"""``podium run``: a video through a pipeline, to files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from podium.cli import verbose
from podium.cli.accuracy import Accuracy, GroundTruth, read_ground_truth, score
from podium.cli.batches import BatchRun, Request
from podium.cli.display import FrameBar, files_table, summary_table
from podium.cli.excerpt import LocalVideo
from podium.cli.gateway_client import GatewayClient
from podium.cli.log_lines import readable
from podium.cli.requests import Requests
from podium.cli.run_folder import RunFolder, fingerprint
from podium.cli.stack import Stack
from podium.decode.pictures import is_picture
from podium.errors import InvalidInput, PodiumError
from podium.postprocess.options import read_options
from podium.results import PipelineResult, PostprocessResult
from podium.skeletons import skeleton

_PERSONS_PER_FRAME = 8


@dataclass(frozen=True)
class _Job:
    """What the options of the command say."""

    video: Path
    pipeline: str
    gateway: str | None
    uri: str | None
    start: int
    count: int | None
    batch: int
    in_flight: int
    frame_options: dict[str, Any]
    postprocess_options: dict[str, Any]


@click.command("run")
@click.argument("video", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--pipeline", default="pose-3d", show_default=True, help="pose-2d, pose-3d or yours.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to. [default: results/NAME of the video]",
)
@click.option("--gateway", metavar="URL", help="Use these services instead of starting some here.")
@click.option(
    "--uri",
    help="With --gateway: address of the video that the services can read (s3://... or "
    "file://...); without it the frames are uploaded.",
)
@click.option(
    "--athlete",
    default="largest",
    show_default=True,
    metavar="RULE",
    help="Whom to analyse, decided over the whole video: all, largest, longest, "
    "most_displacement, or nearest:X,Y (pixels, where the athlete appears).",
)
@click.option(
    "--max-persons",
    type=click.IntRange(1, 64),
    default=_PERSONS_PER_FRAME,
    show_default=True,
    help="Most persons followed.",
)
@click.option(
    "--height-m",
    type=click.FloatRange(0.3, 3.0),
    help="Standing height of the athlete: makes metres out of pixels.",
)
@click.option(
    "--stride",
    type=click.IntRange(1, 64),
    help="Search for persons on every Nth frame. [default: the pipeline's]",
)
@click.option("--start", type=click.IntRange(0), default=0, show_default=True, help="First frame.")
@click.option("--count", type=click.IntRange(1), help="Number of frames. [default: all]")
@click.option(
    "--batch",
    type=click.IntRange(1, 1024),
    default=64,
    show_default=True,
    help="Frames per request.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Requests at the same time.",
)
@click.option("--overlay/--no-overlay", default=True, help="Whether to draw the overlay video.")
@click.option(
    "--truth",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ground truth to compare with. [default: the JSON file beside the video, if it is one]",
)
@click.pass_context
def command(
    context: click.Context,
    *,
    video: Path,
    pipeline: str,
    out: Path | None,
    gateway: str | None,
    uri: str | None,
    athlete: str,
    max_persons: int,
    height_m: float | None,
    stride: int | None,
    start: int,
    count: int | None,
    batch: int,
    in_flight: int,
    overlay: bool,
    truth: Path | None,
) -> None:
    """Run a video (or a picture) through a pipeline and write the results.

    Writes keypoints.csv, biomechanics.csv, summary.json, report.html, overlay.mp4 and pictures,
    and results.json. Stopped by Ctrl-C or a failure, the same command goes on where it stopped.

    \b
    Examples:
      podium run sprint.mp4
      podium run sprint.mp4 --height-m 1.82 --athlete nearest:640,360
      podium run long.mp4 --start 600 --count 300 --out results/last-steps
      podium run sprint.mp4 --gateway http://podium.example:8000
      podium run sprint.mp4 --gateway http://podium.example:8000 --uri s3://clips/sprint.mp4
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    if uri and not gateway:
        raise click.UsageError("--uri says what a remote gateway reads; give --gateway too")
    console = Console()
    out = (out or Path("results") / video.stem).absolute()
    frame_options: dict[str, Any] = {"athlete": "all", "max_persons": max_persons}
    if stride is not None:
        frame_options["stride"] = stride
    postprocess_options: dict[str, Any] = {"athlete": athlete, "overlay": overlay}
    if height_m is not None:
        postprocess_options["athlete_height_m"] = height_m
    read_options(postprocess_options)  # a mistake shows now, not after an hour
    reference = _ground_truth(video, truth)
    job = _Job(
        video=video.absolute(),
        pipeline=pipeline,
        gateway=gateway,
        uri=uri,
        start=start,
        count=count,
        batch=batch,
        in_flight=in_flight,
        frame_options=frame_options,
        postprocess_options=postprocess_options,
    )
    frames = {"pipeline": pipeline, "uri": uri, "start": start, "count": count, "batch": batch}
    folder = RunFolder(out, fingerprint(video, {**frames, **frame_options}))
    if folder.is_other_run:
        console.print(f"{out} held a run of another video or other options: starting anew")
    try:
        results, outcome, frames_per_s = _run(job, folder, console, verbose(context))
    except (PodiumError, KeyboardInterrupt) as error:
        if folder.has_batches():
            error.add_note(f"what is done is kept in {out}; the same command goes on from there")
        raise
    accuracy = _accuracy(results, reference)
    console.print(
        summary_table(video, results, outcome, frames_per_s=frames_per_s, accuracy=accuracy)
    )
    for warning in outcome.warnings:
        console.print(f"[yellow]warning:[/] {warning}")
    written = [(str(out / file.name), file.size_bytes) for file in outcome.files]
    written.append((str(folder.results), folder.results.stat().st_size))
    console.print(files_table(written))


def _run(
    job: _Job, folder: RunFolder, console: Console, show_logs: bool
) -> tuple[list[PipelineResult], PostprocessResult, float | None]:
    if job.gateway is not None:
        results, frames_per_s = asyncio.run(_frames(job, folder, job.gateway, console))
        folder.save_all(results)
        with console.status("postprocessing"):
            return results, _postprocess_here(job, folder, results), frames_per_s

    def show(service: str, line: str) -> None:
        console.print(f"{service}: {readable(line)}", markup=False, highlight=False, style="dim")

    with ExitStack() as stack:
        with console.status("starting the services"):
            services = stack.enter_context(
                Stack(
                    read_roots=(job.video, folder.root),
                    write_roots=(folder.root,),
                    log=show if show_logs else None,
                )
            )
        try:
            results, frames_per_s = asyncio.run(_frames(job, folder, services.gateway_url, console))
            folder.save_all(results)
            with console.status("postprocessing"):
                outcome = asyncio.run(_postprocess_there(job, folder, services.gateway_url))
        except PodiumError:
            services.check()  # a service that ended is the better explanation
            raise
    return results, outcome, frames_per_s


async def _frames(
    job: _Job, folder: RunFolder, url: str, console: Console
) -> tuple[list[PipelineResult], float | None]:
    async with GatewayClient(url) as client:
        with _requests(job, client) as request, FrameBar(console) as bar:
            run = BatchRun(
                folder, request, job.start, job.count, job.batch, job.in_flight, bar.show
            )
            started_s = time.monotonic()
            results = await run.all()
            elapsed_s = time.monotonic() - started_s
    if run.frames_resumed:
        console.print(f"{run.frames_resumed} of {run.frames_done} frames were done before")
    new = run.frames_done - run.frames_resumed
    return results, new / elapsed_s if new else None


@contextmanager
def _requests(job: _Job, client: GatewayClient) -> Iterator[Request]:
    requests = Requests(client, job.pipeline, job.frame_options)
    if job.gateway is None or job.uri is not None:
        yield requests.by_uri(job.uri or job.video.as_uri())
        return
    with job.video.open("rb") as file:
        head = file.read(16)
    if is_picture(head):
        yield requests.whole(job.video)
        return
    with LocalVideo(job.video) as video:
        yield requests.in_parts(job.video, video)


async def _postprocess_there(job: _Job, folder: RunFolder, url: str) -> PostprocessResult:
    async with GatewayClient(url) as client:
        return await client.postprocess(
            job.video.as_uri(),
            folder.results.as_uri(),
            folder.root.as_uri(),
            job.postprocess_options,
        )


def _postprocess_here(
    job: _Job, folder: RunFolder, results: list[PipelineResult]
) -> PostprocessResult:
    from podium.postprocess.postprocessor import Postprocessor

    options = read_options(job.postprocess_options)
    return Postprocessor().process(job.video, results, folder.root, options)


def _ground_truth(video: Path, given: Path | None) -> GroundTruth | None:
    beside = video.with_suffix(".json")
    if given is None:
        return read_ground_truth(beside) if beside.is_file() else None
    truth = read_ground_truth(given)
    if truth is None:
        raise InvalidInput(f"{given} is not a ground truth of Podium's format", field="--truth")
    return truth


def _accuracy(results: list[PipelineResult], truth: GroundTruth | None) -> Accuracy | None:
    if truth is None:
        return None
    frames = (frame for result in results for frame in result.frames)
    return score(frames, skeleton(results[0].skeleton), truth)
