"""The stages in this process, without services."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from podium.containment.settings import CodecsSettings
from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.engines.onnx_runtime import OnnxRuntimeSession
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
from podium.wire.tensors import check_tensors

_DAY_S = 86_400


class LocalModels:
    """The models of a repository that serve one task; each call runs in a thread.

    Args:
        repository: The models; each is loaded at its first use.
        task: The task to serve.
    """

    def __init__(self, repository: ModelRepository, task: Task) -> None:
        self._repository = repository
        self._task: Task = task
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
        return InferResult(await asyncio.to_thread(adapter, inputs))

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
    with Decoder(_decode_settings(read_roots)) as decoder:
        yield Stages(
            decode=decoder,
            detection=DetectionClient(LocalModels(repository, "detection")),
            pose2d=Pose2DClient(LocalModels(repository, "pose2d")),
            pose3d=Pose3DClient(LocalModels(repository, "pose3d")),
            postprocess=_NoPostprocess(),
        )


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
