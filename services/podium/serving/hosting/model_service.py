"""The app of the three model services; each serves the models of a repository for one task.

``MODEL_SERVICES`` is the table of their differences. The modules ``podium.detection``,
``podium.pose2d`` and ``podium.pose3d`` exist to be run with ``python -m``.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar

from fastapi import FastAPI
from pydantic import BeforeValidator, Field, create_model

from podium.engines.opening import open_session
from podium.engines.options import EngineOptions, Provider
from podium.engines.processors import available_cpus
from podium.errors import SetupError
from podium.models.manifest import Task
from podium.models.published import PULL_COMMAND
from podium.models.s3_repository import open_repository
from podium.models.settings import RepositorySettings
from podium.serving.app import create_service_app
from podium.serving.hosting.engine_model import EngineModelLoader
from podium.serving.hosting.here import Hosted
from podium.serving.hosting.repository_control import RepositoryControl
from podium.serving.http.settings import ServiceSettings
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.batching import BatchLimits
from podium.serving.oip.catalogue import Catalogue
from podium.serving.server import serve

_log = logging.getLogger("podium.models")


class ModelServiceSettings(ServiceSettings):
    """Settings of all model services; ``model_settings`` adds the port of one."""

    common: ClassVar[frozenset[str]] = ServiceSettings.common | {
        "models",
        "provider",
        "tensorrt_cache",
        "tensorrt_fp16",
        "allow_empty",
        "model_control",
    }

    models: Annotated[str, BeforeValidator(str)] = "models"
    """Model repository: a folder of ``<name>/<version>/`` folders, or ``s3://bucket/prefix``."""

    repository: RepositorySettings = Field(default_factory=RepositorySettings)
    """Which of its models are served, and how those from ``s3://`` get here."""

    provider: Provider = "cpu"
    """Where the networks run: ``cpu``, ``cuda`` or ``tensorrt``. A service that cannot run there
    does not start; nothing falls back to the processor."""

    threads: int = Field(default=0, ge=0, le=256)
    """Processor threads per engine call; 0: the processors that the container may use, shared out
    among the workers."""

    workers: int = Field(default=0, ge=0, le=64)
    """Engine calls that run at the same time; 0: one on a processor, two on a graphics card, where
    one batch is copied while another is computed."""

    tensorrt_cache: Path | None = None
    """Folder that keeps the engines that TensorRT builds, for this card and version; unset: they
    are built at every start, which takes minutes. They are machine code: let nobody else write."""

    tensorrt_fp16: bool = False
    """Whether TensorRT may compute in FP16 what the weights have in FP32."""

    max_batch: int = Field(default=8, ge=1, le=1024)
    """Rows (images, crops) per engine call, pooled over requests."""

    max_delay_ms: float = Field(default=0, ge=0, le=1000)
    """How long an idle engine waits for a fuller batch; 0: never."""

    max_queue_rows: int = Field(default=512, ge=1)
    """Rows that may wait; beyond, requests are answered with 429."""

    max_queue_bytes: int = Field(default=256 << 20, ge=1)
    """Bytes of rows that may wait; beyond, requests are answered with 429."""

    allow_empty: bool = False
    """Whether the service starts where the repository holds no model for it. Requests are then
    answered with 404 until one is loaded. One whose models are all damaged does not start."""

    model_control: bool = True
    """Whether requests may load and unload models. Only the model repository can be loaded from,
    and its weights are verified; but whoever reaches the port may unload, so turn it off, or keep
    strangers out by a network policy, where that matters. The gateway does not pass it on."""

    def engine(self) -> EngineOptions:
        """The options of the engine; zeros are replaced by numbers for this machine."""
        on_processor = self.provider == "cpu"
        workers = self.workers or (1 if on_processor else 2)
        cpus = available_cpus()
        threads = self.threads or max(1, cpus // workers)
        if threads * workers > cpus:
            _log.warning(
                "%d workers of %d threads are more than the %d processors that the container may "
                "use: they will be throttled",
                workers,
                threads,
                cpus,
            )
        return EngineOptions(
            provider=self.provider,
            threads=threads,
            max_rows=1 if on_processor else self.max_batch,
            in_flight=workers,
            tensorrt_cache=self.tensorrt_cache,
            tensorrt_fp16=self.tensorrt_fp16,
        )


@dataclass(frozen=True, slots=True)
class ModelService:
    """The differences between the model services."""

    port: int
    summary: str


MODEL_SERVICES: Mapping[Task, ModelService] = MappingProxyType(
    {
        "detection": ModelService(8002, "Letterboxed images in, person boxes out."),
        "pose2d": ModelService(8003, "Person crops in, 2D key points out."),
        "pose3d": ModelService(8004, "Person crops in, 3D key points out."),
    }
)


def model_settings(task: Task) -> type[ModelServiceSettings]:
    """The settings class of one model service, with its default port."""
    port = Field(
        default=MODEL_SERVICES[task].port, ge=0, le=65535, description="Port to listen on."
    )
    kind = create_model(
        f"{task.capitalize()}Settings", __base__=ModelServiceSettings, port=(int, port)
    )
    kind.service = task
    return kind


def serve_models(task: Task) -> None:
    """Run one model service until it is told to stop."""
    serve(task, lambda settings: create_model_service(task, settings), model_settings(task))


def host_models(task: Task, settings: ModelServiceSettings, metrics: Metrics) -> Hosted:
    """Load and warm up every model of a repository for a task.

    Raises:
        SetupError: the repository has no usable model for the task, or the engine cannot run on
            the configured provider.
        PodiumError: the repository cannot be read.
    """
    engine = settings.engine()
    executor = ThreadPoolExecutor(engine.in_flight, thread_name_prefix="engine")
    load_model = EngineModelLoader(
        task,
        functools.partial(open_session, options=engine),
        executor,
        instances=engine.in_flight,
        limits=BatchLimits(
            settings.max_batch,
            settings.max_delay_ms,
            settings.max_queue_rows,
            settings.max_queue_bytes,
        ),
        metrics=metrics,
        divides=engine.max_rows == 1,
    )
    catalogue = Catalogue()
    control = RepositoryControl(
        catalogue,
        open_repository(settings.models, settings.repository),
        task,
        load_model,
        serve=settings.repository.serve,
        enabled=settings.model_control,
    )
    control.load_all()
    if not list(catalogue) and not settings.allow_empty:
        raise SetupError(f"{settings.models}: holds no {task} model; run `{PULL_COMMAND}`")

    @asynccontextmanager
    async def threads() -> AsyncIterator[None]:
        yield
        control.close()
        executor.shutdown()

    return Hosted(catalogue, threads, control)


def create_model_service(task: Task, settings: ModelServiceSettings | None = None) -> FastAPI:
    """Make the app of one model service. Raises as ``host_models``."""
    settings = settings or model_settings(task)()
    metrics = Metrics(task)
    hosted = host_models(task, settings, metrics)
    return create_service_app(
        task,
        hosted.catalogue,
        settings,
        summary=MODEL_SERVICES[task].summary,
        resource=lambda _: hosted.resource(),
        metrics=metrics,
        control=hosted.control,
    )
