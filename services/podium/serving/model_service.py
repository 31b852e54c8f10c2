"""The three model services are one app: every model of a repository that serves their task."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from fastapi import FastAPI
from pydantic import Field

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.errors import SetupError
from podium.models.adapter import Adapter, load_adapter
from podium.models.manifest import Manifest, Task
from podium.models.repository import PULL_COMMAND, ModelRepository
from podium.serving.app import create_service_app
from podium.serving.batcher import Batcher, BatchLimits
from podium.serving.catalogue import Catalogue
from podium.serving.engine_phases import timed_sessions
from podium.serving.settings import ServiceSettings
from podium.serving.telemetry import Metrics
from podium.wire import InferRequest, InferResult, Parameter, TensorSpec


class ModelServiceSettings(ServiceSettings):
    """Read from ``PODIUM_<FIELD>`` in the environment."""

    models: Path = Path("models")
    """Model repository: a folder of ``<name>/<version>/`` folders."""

    threads: int = Field(default=1, ge=1, le=256)
    """Processor threads per engine call; no more than the container's limit."""

    workers: int = Field(default=1, ge=1, le=64)
    """Engine calls that run at the same time."""

    max_batch: int = Field(default=8, ge=1, le=1024)
    """Rows (images, crops) per engine call, pooled over requests."""

    max_delay_ms: float = Field(default=0, ge=0, le=1000)
    """How long an idle engine waits for a fuller batch; 0: never."""

    max_queue_rows: int = Field(default=512, ge=1)
    """Rows that may wait; beyond, requests are answered with 429."""

    max_queue_bytes: int = Field(default=256 << 20, ge=1)
    """Bytes of rows that may wait; beyond, requests are answered with 429."""


class EngineModel:
    """One model of the repository as a served model; its engine runs off the event loop."""

    platform = "onnxruntime_onnx"

    def __init__(
        self,
        manifest: Manifest,
        adapter: Adapter,
        batcher: Batcher,
    ) -> None:
        self.name = manifest.name
        self.version = str(manifest.version)
        self._adapter = adapter
        self._batcher = batcher

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What the adapter takes."""
        return self._adapter.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What the adapter gives."""
        return self._adapter.outputs

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """What callers need to know of the model."""
        return self._adapter.parameters

    async def infer(self, request: InferRequest) -> InferResult:
        """Run the rows of the request, batched with those of others.

        Rows that the engine refuses are named by the parameters ``failed_rows`` and
        ``failed_reasons``, both JSON lists; the others are right.
        """
        result = await self._batcher.infer(request.inputs)
        if not result.failed:
            return InferResult(result.outputs)
        return InferResult(
            result.outputs,
            {
                "failed_rows": orjson.dumps(list(result.failed)).decode(),
                "failed_reasons": orjson.dumps(list(result.failed.values())).decode(),
            },
        )


def create_model_service(task: Task, settings: ModelServiceSettings, *, summary: str) -> FastAPI:
    """Make the app of one model service.

    Raises:
        SetupError: the repository has no model for the task, or one is damaged.
    """
    executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="engine")
    metrics = Metrics(task)
    limits = BatchLimits(
        settings.max_batch,
        settings.max_delay_ms,
        settings.max_queue_rows,
        settings.max_queue_bytes,
    )
    models = [
        EngineModel(
            manifest,
            adapter,
            Batcher(
                adapter,
                executor,
                instances=settings.workers,
                limits=limits,
                stage=task,
                metrics=metrics.batches(manifest.name),
            ),
        )
        for manifest, adapter in _load(task, settings)
    ]
    if not models:
        raise SetupError(f"{settings.models}: holds no {task} model; run `{PULL_COMMAND}`")

    @asynccontextmanager
    async def engines(_: FastAPI) -> AsyncIterator[None]:
        yield
        executor.shutdown()

    return create_service_app(
        task, Catalogue(models), settings, summary=summary, resource=engines, metrics=metrics
    )


def _load(task: Task, settings: ModelServiceSettings) -> Iterator[tuple[Manifest, Adapter]]:
    open_session = timed_sessions(functools.partial(OnnxRuntimeSession, threads=settings.threads))
    for stored in ModelRepository(settings.models).models():
        if task in stored.manifest.tasks:
            weights = stored.verified_weights()
            yield stored.manifest, load_adapter(stored.manifest, weights, task, open_session)
