"""The pipelines that the gateway serves; each is also an OIP model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from podium.errors import InvalidInput, NotFound, PodiumError
from podium.gateway.settings import GatewaySettings
from podium.media.picture_header import is_picture
from podium.pipelines.answer import OUTPUTS, OUTPUTS_3D, Answer
from podium.pipelines.plan import make_plans
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun, Turns
from podium.pipelines.spec import Pipeline, PipelineRequest
from podium.serving.calling.joined_calls import Company
from podium.serving.observing.deadline import time_limit
from podium.serving.observing.request_context import current_request
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.catalogue import Entry
from podium.stages import Stages
from podium.stages.decode import MEDIA, read_media
from podium.types import Media
from podium.wire import InferRequest, InferResult, Parameter
from podium.wire.parameters import read_parameters

_CHECK_S = 2.0

PICTURES_PER_CHUNK = 4
"""Requests for one frame in the stages for each chunk that may be there, of up to 32 frames."""

_HEAD_BYTES = 12
"""Bytes that tell pictures from video."""


class Pipelines:
    """Pipelines by name, and the stages that run them.

    Pipelines of files exist from the start. Custom resources come and go, and replace a file's
    pipeline of the same name.

    Args:
        pipelines: Those of files.
        stages: Run them on video.
        settings: Limits.
        metrics: Where to count.
        stages_of_pictures: Run them on single frames; calls may be joined.
        company: Turns of single frames.
    """

    def __init__(
        self,
        pipelines: Mapping[str, Pipeline],
        stages: Stages,
        settings: GatewaySettings,
        metrics: Metrics,
        *,
        stages_of_pictures: Stages,
        company: Company,
    ) -> None:
        self._of_files = dict(pipelines)
        self._pipelines = self._of_files
        self._stages = stages
        self._stages_of_pictures = stages_of_pictures
        self._settings = settings
        self._metrics = metrics
        self._company = company
        self._turns = asyncio.Semaphore(settings.max_chunks)

    def all(self) -> list[Pipeline]:
        """Every pipeline, by name."""
        return sorted(self._pipelines.values(), key=lambda p: p.name)

    def get(self, name: str) -> Pipeline:
        """Look a pipeline up. Raises NotFound, which names the known ones."""
        if name not in self._pipelines:
            known = ", ".join(sorted(self._pipelines))
            raise NotFound(f"pipeline: there is no {name!r}; known are: {known}")
        return self._pipelines[name]

    def use_resources(self, resources: Mapping[str, Pipeline]) -> dict[str, Pipeline | None]:
        """Serve exactly these custom resources; requests in work are not affected.

        Returns:
            The changed pipelines by name; None: it was removed.
        """
        before, self._pipelines = self._pipelines, {**self._of_files, **resources}
        return {
            name: self._pipelines.get(name)
            for name in before.keys() | self._pipelines.keys()
            if before.get(name) != self._pipelines.get(name)
        }

    async def check(self, pipeline: Pipeline) -> None:
        """Check that the models of a pipeline are served. Raises PodiumError if it cannot run."""
        async with time_limit(_CHECK_S, "gateway"):
            await make_plans(self._stages, pipeline.spec, PipelineRequest())

    async def run(self, pipeline: Pipeline, media: Media, request: PipelineRequest) -> Answer:
        """Run a pipeline over a range of frames. Raises PodiumError."""
        if _is_one_frame(media, request):
            run = self._run(pipeline, media, request, self._stages_of_pictures, self._company)
        else:
            run = self._run(pipeline, media, request, self._stages, self._turns)
        answer = await run.answer()
        self._count(answer)
        return answer

    async def stream(
        self, pipeline: Pipeline, media: Media, request: PipelineRequest
    ) -> AsyncGenerator[Answer, None]:
        """Run a pipeline; answers in pieces of consecutive frames. Raises PodiumError."""
        run = self._run(pipeline, media, request, self._stages, self._turns)
        async with aclosing(run.stream()) as answers:
            async for answer in answers:
                self._count(answer)
                yield answer

    def _run(
        self,
        pipeline: Pipeline,
        media: Media,
        request: PipelineRequest,
        stages: Stages,
        turns: Turns,
    ) -> PipelineRun:
        limits = PipelineLimits(
            self._settings.chunk_frames, self._settings.max_frames, self._settings.overlap
        )
        return PipelineRun(stages, pipeline, media, request, limits, turns, _QueueTime())

    def _count(self, answer: Answer) -> None:
        for status in answer.status:
            self._metrics.count_frame(answer.pipeline, status)


def _is_one_frame(media: Media, request: PipelineRequest) -> bool:
    return request.count == 1 or (media.data is not None and is_picture(media.data[:_HEAD_BYTES]))


class _QueueTime:
    """Adds the waits for a turn to the request; the stage calls add themselves."""

    def phase(self, name: str, begin_s: float, end_s: float) -> None:
        if name == "queue":
            current_request().add(name, end_s - begin_s)


class PipelineModel:
    """A pipeline as the OIP model ``/v2/models/{pipeline}``."""

    platform = "podium_pipeline"
    version = "1"
    inputs = tuple(tensor.spec() for tensor in MEDIA)

    def __init__(self, pipelines: Pipelines, pipeline: Pipeline) -> None:
        self._pipelines = pipelines
        self.name = pipeline.name
        self.outputs = OUTPUTS_3D if pipeline.spec.pose.stage == "pose3d" else OUTPUTS
        self.parameters: Mapping[str, Parameter] = {"description": pipeline.spec.description}

    async def fault(self) -> str:
        """Why the pipeline cannot run (missing models, unreachable stage); empty: it can."""
        try:
            await self._pipelines.check(self._pipelines.get(self.name))
        except PodiumError as error:
            return error.message
        return ""

    async def infer(self, request: InferRequest) -> InferResult:
        """Run the pipeline; returns the poses as arrays. Raises PodiumError."""
        media = read_media(request.inputs)
        if media.data == b"":
            raise InvalidInput("is empty", field="media")
        options = read_parameters(PipelineRequest, request.parameters)
        answer = await self._pipelines.run(self._pipelines.get(self.name), media, options)
        return answer.to_tensors()


def pipeline_entry(pipelines: Pipelines, pipeline: Pipeline) -> Entry:
    """The catalogue entry of a pipeline; it is ready while its models are served."""
    model = PipelineModel(pipelines, pipeline)
    return Entry(model, fault=model.fault)
