"""Where the stages of a video's run are: in this process, in services of its own, at a gateway.

All answer alike: the engine of the pipeline and the stages are the same code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from podium.client.batches import Request
from podium.client.excerpt import LocalVideo
from podium.client.gateway_client import GatewayClient
from podium.client.requests import Requests
from podium.errors import NotFound
from podium.gateway.settings import GatewaySettings
from podium.local.in_process import local_stages
from podium.local.service_process import LogSink
from podium.local.stack import Stack, default_models, require_models
from podium.local.video_run import Placement, VideoRun
from podium.media.picture_header import is_picture
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import Pipeline, PipelineRequest, shipped_and
from podium.postprocess.postprocessor import Postprocessor
from podium.postprocess.service import PostprocessService
from podium.schemas.results import PipelineResult
from podium.stages import Postprocess
from podium.storage.object_store import ObjectStore
from podium.storage.settings import ObjectStoreSettings
from podium.types import Media
from podium.wire.parameters import read_parameters


@asynccontextmanager
async def in_process(run: VideoRun) -> AsyncIterator[Placement]:
    """All stages in threads of this process: no services, no sockets.

    Pipelines are those that are shipped and those in ``PODIUM_GATEWAY_PIPELINES``.

    Raises:
        SetupError: there are no models; the message has the remedy.
        NotFound: there is no such pipeline.
        InvalidInput: an option is wrong.
    """
    spec = _checked(run)  # a mistake shows before anything is loaded
    models = default_models()
    require_models(models)
    with local_stages(models, read_roots=(run.video,)) as stages, _postprocess(run) as files:

        async def request(start: int, count: int) -> PipelineResult:
            options = {"start": start, "count": count, **run.frame_options}
            asked = read_parameters(PipelineRequest, options)
            media = Media(uri=run.video.as_uri())
            answer = await PipelineRun(stages, spec, media, asked, PipelineLimits()).answer()
            return PipelineResult.model_validate_json(answer.to_json())

        yield Placement(request, files)


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
    _checked(run)
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
        with _postprocess(run) as files, _upload(requests, run.video, run.uri) as request:
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


@contextmanager
def _postprocess(run: VideoRun) -> Iterator[Postprocess]:
    """Postprocessing in a thread of this process."""
    objects = ObjectStoreSettings(read_roots=(run.video, run.out), write_roots=(run.out,))
    with ThreadPoolExecutor(1, thread_name_prefix="postprocess") as executor:
        yield PostprocessService(Postprocessor(), ObjectStore(objects), executor)


def _checked(run: VideoRun) -> Pipeline:
    """The pipeline of a run here, once its options have been checked."""
    asked = {"start": run.start, "count": run.count, **run.frame_options}
    read_parameters(PipelineRequest, asked)
    pipelines = shipped_and(GatewaySettings().pipelines)
    if run.pipeline not in pipelines:
        known = ", ".join(sorted(pipelines))
        raise NotFound(f"pipeline: there is no {run.pipeline!r}; there are {known}")
    return pipelines[run.pipeline]
