"""A video's run with its frames from services: of its own, or those behind a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from podium.client.batches import Request
from podium.client.excerpt import LocalVideo
from podium.client.gateway_client import GatewayClient
from podium.client.requests import Requests
from podium.local.files_here import files_here
from podium.local.run_here import checked_pipeline
from podium.local.service_process import LogSink
from podium.local.stack import Stack
from podium.local.video_run import Placement, VideoRun
from podium.media.picture_header import is_picture


@asynccontextmanager
async def own_services(run: VideoRun, log: LogSink | None) -> AsyncIterator[Placement]:
    """The six services as processes on loopback, for this run alone.

    Args:
        run: What to do.
        log: Receives the output of the services.

    Raises:
        NotFound, InvalidInput: there is no such pipeline, or an option is wrong.
        SetupError: there are no models, or no ports are free.
        Unavailable: a service does not start, or has ended meanwhile.
    """
    checked_pipeline(run)
    with Stack(read_roots=(run.video, run.out), write_roots=(run.out,), log=log) as services:
        async with GatewayClient(services.gateway_url) as client:
            requests = Requests(client, run.pipeline, run.frame_options)
            try:
                yield Placement(requests.by_uri(run.video.as_uri()), client)
            except Exception:
                services.check()  # a service that ended is the better explanation
                raise


@asynccontextmanager
async def at_gateway(run: VideoRun, url: str) -> AsyncIterator[Placement]:
    """The services behind a gateway for the frames, this process for the files.

    Args:
        run: What to do; without a ``uri``, what a request needs of the video is uploaded.
        url: Base URL of the gateway.
    """
    async with GatewayClient(url) as client:
        requests = Requests(client, run.pipeline, run.frame_options)
        with files_here(run) as files, _upload(requests, run.video, run.uri) as request:
            yield Placement(request, files)


@contextmanager
def _upload(requests: Requests, video: Path, uri: str | None) -> Iterator[Request]:
    if uri is not None:
        yield requests.by_uri(uri)
        return
    with video.open("rb") as file:
        head = file.read(16)
    if is_picture(head):
        yield requests.whole(video)
        return
    with LocalVideo(video, capture_fps=requests.options.get("capture_fps")) as parts:
        yield requests.in_parts(video, parts)
