"""Runs a video with services: its own ones, or those behind a gateway."""

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
    """Start the six services as processes on loopback, only for this run.

    Args:
        run: The run.
        log: Receives the output of the services.

    Raises:
        NotFound, InvalidInput: there is no such pipeline, or an option is wrong.
        SetupError: there are no models, or no ports are free.
        Unavailable: a service does not start, or ended during the run.
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
    """Use the services behind a gateway for the frames, and this process for the files.

    Args:
        run: The run; without a ``uri``, each request uploads the part of the video that it needs.
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
