"""The stages in this process, without services."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from podium.containment.settings import CodecsSettings
from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.engines.processors import available_cpus
from podium.local.sizing import sized_for
from podium.models.adapter import Adapter, load_adapter
from podium.models.manifest import Task
from podium.models.repository import ModelRepository
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import PostprocessResult
from podium.stages import Stages
from podium.stages.detection import DetectionClient
from podium.stages.pose import Pose2DClient, Pose3DClient
from podium.storage.settings import ObjectStoreSettings
from podium.wire import InferResult, Parameter, Tensors
from podium.wire.rows import join_outputs, row_index_of
from podium.wire.tensors import check_tensors

_DAY_S = 86_400

_ROWS = 4
"""Rows that a thread runs at a time."""


class LocalModels:
    """The models of a repository that serve one task.

    The rows of a call are divided among threads: one call is done sooner, and a few rows at a time
    keep what a network returns in the processor's caches.

    Args:
        repository: The models; each is loaded at its first use.
        task: The task to serve.
        threads: Run the engines of all tasks.
    """

    def __init__(self, repository: ModelRepository, task: Task, threads: Executor) -> None:
        self._repository = repository
        self._task: Task = task
        self._threads = threads
        self._adapters: dict[str, Adapter] = {}

    async def infer(
        self,
        model: str,
        inputs: Tensors,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        address: str | None = None,
        call: str | None = None,
    ) -> InferResult:
        """Run a model. Raises InvalidInput for wrong inputs."""
        adapter = self._loaded(model)
        check_tensors(model, adapter.inputs, inputs)
        rows = len(next(iter(inputs.values())))
        starts = range(0, max(rows, 1), _ROWS)
        pieces = [{name: array[n : n + _ROWS] for name, array in inputs.items()} for n in starts]
        loop = asyncio.get_running_loop()
        runs = [loop.run_in_executor(self._threads, adapter, piece) for piece in pieces]
        parts = zip(starts, await asyncio.gather(*runs), strict=True)
        return InferResult(join_outputs([*parts], row_index_of(adapter.outputs)))

    async def metadata(self, model: str) -> dict[str, Any]:
        """The part of a model's metadata that pipelines read. Raises NotFound."""
        facts = self._loaded(model).facts
        return {
            "name": facts.name,
            "versions": [facts.version],
            "parameters": facts.to_parameters(),
        }

    def _loaded(self, model: str) -> Adapter:
        if model not in self._adapters:
            stored = self._repository.resolve(model)
            self._adapters[model] = load_adapter(
                stored.manifest, stored.verified_weights(), self._task, OnnxRuntimeSession
            )
        return self._adapters[model]


class _NoPostprocess:
    """Raises when called: these stages only process frames."""

    async def postprocess(
        self,
        source: str,
        output: str,
        options: PostprocessOptions,
        *,
        results: bytes | None = None,
        results_uri: str | None = None,
    ) -> PostprocessResult:
        raise AssertionError("these stages answer with frames alone")


@contextmanager
def local_stages(models: Path, read_roots: Sequence[Path] = ()) -> Iterator[Stages]:
    """The stages of a pipeline in this process; they are closed at the end of the block.

    Args:
        models: Model repository.
        read_roots: Files and folders that ``file:`` addresses may be read from.
    """
    repository = ModelRepository(models)
    with Decoder(_decode_settings(read_roots)) as decoder, _engine_threads() as threads:
        yield Stages(
            decode=decoder,
            detection=DetectionClient(LocalModels(repository, "detection", threads)),
            pose2d=Pose2DClient(LocalModels(repository, "pose2d", threads)),
            pose3d=Pose3DClient(LocalModels(repository, "pose3d", threads)),
            postprocess=_NoPostprocess(),
        )


@contextmanager
def _engine_threads() -> Iterator[Executor]:
    threads = ThreadPoolExecutor(available_cpus(), thread_name_prefix="engine")
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def _decode_settings(read_roots: Sequence[Path]) -> DecodeSettings:
    """The settings of decode as with ``podium up`` on this machine, with two differences.

    Containment would protect nobody: the files are those of whoever runs the command. And frames
    are kept until they are released, on machines of any speed: nobody can forget them.
    """
    sizes = sized_for(os.cpu_count() or 1, os.environ)
    prefix = "PODIUM_DECODE_"
    own = {n.removeprefix(prefix).lower(): v for n, v in sizes.items() if n.startswith(prefix)}
    objects = ObjectStoreSettings(read_roots=tuple(read_roots))
    return DecodeSettings(
        objects=objects,
        codecs=CodecsSettings(contained=False),
        store_ttl_s=_DAY_S,
        **cast(dict[str, Any], own),
    )
