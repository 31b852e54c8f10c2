"""What ``podium run`` does: frames through a gateway, then results to files."""

from __future__ import annotations

import asyncio
import http
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from podium.cli.display import FrameBar, files_table, summary_table
from podium.client.batches import BatchRun, Request
from podium.client.excerpt import LocalVideo
from podium.client.gateway_client import GatewayClient
from podium.client.requests import Requests
from podium.client.run_folder import RunFolder, fingerprint
from podium.errors import InvalidInput, PodiumError
from podium.lab.accuracy import Accuracy, TrueLimbs, read_true_limbs, score
from podium.local.log_lines import readable
from podium.local.stack import Stack
from podium.media.picture_header import is_picture
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import PostprocessResult
from podium.skeletons import skeleton


@dataclass(frozen=True)
class Job:
    """What the options of the command say.

    Attributes:
        video: Absolute path.
        out: Absolute path of the folder to write to.
        pipeline: Name.
        gateway: Base URL; None: services of our own.
        uri: Address of the video that the gateway's services read; None: it is uploaded.
        start: First frame.
        count: How many frames; None: to the end.
        batch: Frames per request.
        in_flight: Requests at the same time.
        frame_options: Go with every request for frames.
        postprocess_options: Go with the request to postprocess.
        truth: Ground-truth file; None: the one beside the video, if there is one.
        show_logs: Whether to show the logs of services of our own.
    """

    video: Path
    out: Path
    pipeline: str
    gateway: str | None
    uri: str | None
    start: int
    count: int | None
    batch: int
    in_flight: int
    frame_options: dict[str, Any]
    postprocess_options: PostprocessOptions
    truth: Path | None
    show_logs: bool


def run(job: Job, console: Console) -> None:
    """Do a job and show how it goes. Raises PodiumError."""
    truth = _ground_truth(job)
    folder = RunFolder(job.out, fingerprint(job.video, _identity(job)))
    if folder.is_other_run:
        console.print(f"{job.out} held a run of another video or other options: starting anew")
    try:
        outcome, frames_per_s = _process(job, folder, console)
    except (PodiumError, KeyboardInterrupt) as error:
        if folder.has_batches():
            error.add_note(
                f"what is done is kept in {job.out}; the same command goes on from there"
            )
        raise
    console.print(
        summary_table(
            job.video,
            outcome.summary,
            frames_per_s=frames_per_s,
            accuracy=None if truth is None else _accuracy(folder, truth),
        )
    )
    for warning in outcome.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    written = [(str(job.out / file.name), file.size_bytes) for file in outcome.files]
    written.append((str(folder.results), folder.results.stat().st_size))
    console.print(files_table(written))


def _identity(job: Job) -> dict[str, Any]:
    names = ("pipeline", "uri", "start", "count", "batch")
    return {**{name: getattr(job, name) for name in names}, **job.frame_options}


def _process(
    job: Job, folder: RunFolder, console: Console
) -> tuple[PostprocessResult, float | None]:
    if job.gateway is not None:
        frames_per_s = asyncio.run(_frames(job, folder, job.gateway, console))
        with console.status("postprocessing"):
            return _postprocess_here(job, folder), frames_per_s

    def show(service: str, line: str) -> None:
        console.print(f"{service}: {readable(line)}", markup=False, highlight=False, style="dim")

    with ExitStack() as stack:
        with console.status("starting the services"):
            services = stack.enter_context(
                Stack(
                    read_roots=(job.video, folder.root),
                    write_roots=(folder.root,),
                    log=show if job.show_logs else None,
                )
            )
        try:
            frames_per_s = asyncio.run(_frames(job, folder, services.gateway_url, console))
            with console.status("postprocessing"):
                return asyncio.run(
                    _postprocess_there(job, folder, services.gateway_url)
                ), frames_per_s
        except PodiumError as error:
            services.check()  # a service that ended is the better explanation
            if error.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR and not job.show_logs:
                error.add_note("--verbose shows the logs of the services")
            raise


async def _frames(job: Job, folder: RunFolder, url: str, console: Console) -> float | None:
    """Get all frames and join them; gives the frames per second that this took."""
    async with GatewayClient(url) as client:
        with _requests(job, client) as request, FrameBar(console) as bar:
            batches = BatchRun(
                folder, request, job.start, job.count, job.batch, job.in_flight, bar.show
            )
            started_s = time.monotonic()
            await batches.all()
            elapsed_s = time.monotonic() - started_s
    if batches.frames_resumed:
        console.print(f"{batches.frames_resumed} of {batches.frames_done} frames were done before")
    folder.join()
    new = batches.frames_done - batches.frames_resumed
    return new / elapsed_s if new else None


@contextmanager
def _requests(job: Job, client: GatewayClient) -> Iterator[Request]:
    requests = Requests(client, job.pipeline, job.frame_options)
    if job.gateway is None or job.uri is not None:
        yield requests.by_uri(job.uri or job.video.as_uri())
        return
    with job.video.open("rb") as file:
        head = file.read(16)
    if is_picture(head):
        yield requests.whole(job.video)
        return
    with LocalVideo(job.video, capture_fps=job.frame_options.get("capture_fps")) as video:
        yield requests.in_parts(job.video, video)


async def _postprocess_there(job: Job, folder: RunFolder, url: str) -> PostprocessResult:
    async with GatewayClient(url) as client:
        return await client.postprocess(
            job.video.as_uri(),
            folder.results.as_uri(),
            folder.root.as_uri(),
            job.postprocess_options,
        )


def _postprocess_here(job: Job, folder: RunFolder) -> PostprocessResult:
    from podium.postprocess.postprocessor import Postprocessor

    batches = list(folder.batches())
    return Postprocessor().process(job.video, batches, folder.root, job.postprocess_options)


def _ground_truth(job: Job) -> TrueLimbs | None:
    if job.truth is None:
        beside = job.video.with_suffix(".json")
        return read_true_limbs(beside) if beside.is_file() else None
    truth = read_true_limbs(job.truth)
    if truth is None:
        raise InvalidInput(f"{job.truth} is not a ground truth of Podium's format", field="--truth")
    return truth


def _accuracy(folder: RunFolder, truth: TrueLimbs) -> Accuracy | None:
    names = skeleton(next(folder.batches()).skeleton)
    return score((frame for batch in folder.batches() for frame in batch.frames), names, truth)
