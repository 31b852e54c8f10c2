"""Runs a video with all stages in this process; imports no serving code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from podium.errors import NotFound
from podium.gateway.settings import GatewaySettings
from podium.local.in_process import local_stages
from podium.local.model_folder import default_models, require_models
from podium.local.video_run import Placement, VideoRun
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import Pipeline, PipelineRequest, shipped_and
from podium.schemas.results import PipelineResult
from podium.short_turns import SHORT_TURNS
from podium.stages import Postprocess
from podium.types import Media
from podium.wire.parameters import read_parameters


@asynccontextmanager
async def in_process(run: VideoRun, files: Postprocess) -> AsyncIterator[Placement]:
    """Run the stages of frames in threads of this process: no services, no sockets.

    The known pipelines are the shipped ones and those in ``PODIUM_GATEWAY_PIPELINES``.

    Args:
        run: The run.
        files: Its postprocessor.

    Raises:
        SetupError: there are no models; the message has the remedy.
        NotFound: there is no such pipeline.
        InvalidInput: an option is wrong.
    """
    spec = checked_pipeline(run)  # a wrong option is reported before models are loaded
    models = default_models()
    require_models(models)
    with (
        SHORT_TURNS,  # engines and codecs do not wait for the event loop, nor for imports
        local_stages(models, read_roots=(run.video,)) as stages,
    ):

        async def request(start: int, count: int) -> PipelineResult:
            options = {"start": start, "count": count, **run.frame_options}
            asked = read_parameters(PipelineRequest, options)
            media = Media(uri=run.video.as_uri())
            answer = await PipelineRun(stages, spec, media, asked, PipelineLimits()).answer()
            return PipelineResult.model_validate_json(answer.to_json())

        yield Placement(request, files)


def checked_pipeline(run: VideoRun) -> Pipeline:
    """Check the options of a run on this machine, and return its pipeline.

    Raises:
        NotFound: there is no such pipeline.
        InvalidInput: an option is wrong.
    """
    asked = {"start": run.start, "count": run.count, **run.frame_options}
    read_parameters(PipelineRequest, asked)
    pipelines = shipped_and(GatewaySettings().pipelines)
    if run.pipeline not in pipelines:
        known = ", ".join(sorted(pipelines))
        raise NotFound(f"pipeline: there is no {run.pipeline!r}; there are {known}")
    return pipelines[run.pipeline]
