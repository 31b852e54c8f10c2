"""The stages in this very process: what a pipeline costs without any service around it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.models.adapter import Adapter, load_adapter
from podium.models.manifest import Task
from podium.models.repository import ModelRepository
from podium.stages import Stages
from podium.types import Detections, Float32, ModelFacts, Poses2D, Poses3D, UInt8
from podium.wire import Tensors


class _LocalModels:
    """Adapters of one task, run in threads."""

    def __init__(self, repository: ModelRepository, task: Task) -> None:
        self._repository = repository
        self._task: Task = task
        self._adapters: dict[str, tuple[ModelFacts, Adapter]] = {}

    async def describe(self, model: str) -> ModelFacts:
        return self._loaded(model)[0]

    async def _run(self, model: str, images: UInt8, **camera: Float32) -> dict[str, Any]:
        adapter = self._loaded(model)[1]
        inputs: Tensors = {"images": images, **camera}
        return await asyncio.to_thread(adapter, inputs)

    def _loaded(self, model: str) -> tuple[ModelFacts, Adapter]:
        if model not in self._adapters:
            stored = self._repository.resolve(model)
            manifest = stored.manifest
            adapter = load_adapter(
                manifest, stored.verified_weights(), self._task, OnnxRuntimeSession
            )
            facts = ModelFacts(manifest.name, str(manifest.version), dict(adapter.parameters))
            self._adapters[model] = facts, adapter
        return self._adapters[model]


class LocalDetection(_LocalModels):
    """Detection in this process."""

    async def detect(self, model: str, images: UInt8) -> Detections:
        out = await self._run(model, images)
        return Detections(out["boxes"], out["scores"], out["image_index"], out.get("rois"))


class LocalPose2D(_LocalModels):
    """2D pose in this process."""

    async def estimate(self, model: str, images: UInt8) -> Poses2D:
        out = await self._run(model, images)
        return Poses2D(out["keypoints"], out.get("presence"))


class LocalPose3D(_LocalModels):
    """3D pose in this process."""

    async def estimate(
        self,
        model: str,
        images: UInt8,
        boxes: Float32 | None = None,
        intrinsics: Float32 | None = None,
    ) -> Poses3D:
        camera = {}
        if boxes is not None and intrinsics is not None:
            camera = {"boxes": boxes, "intrinsics": np.tile(intrinsics, (len(images), 1))}
        out = await self._run(model, images, **camera)
        return Poses3D(
            out["keypoints_3d"],
            out["keypoints"],
            out["scores"],
            out.get("presence"),
            out.get("root_depth"),
        )


class _NoPostprocess:
    """Pipelines of frames do not postprocess."""

    async def postprocess(
        self,
        source: str,
        output: str,
        options: dict[str, Any],
        *,
        results: str | None = None,
        results_uri: str | None = None,
    ) -> dict[str, Any]:
        raise AssertionError("the benchmark does not postprocess")


@contextmanager
def local_stages(models: Path, settings: DecodeSettings | None = None) -> Iterator[Stages]:
    """The stages of a pipeline in this process, for as long as the block lasts."""
    repository = ModelRepository(models)
    with Decoder(settings or DecodeSettings()) as decoder:
        yield Stages(
            decode=decoder,
            detection=LocalDetection(repository, "detection"),
            pose2d=LocalPose2D(repository, "pose2d"),
            pose3d=LocalPose3D(repository, "pose3d"),
            postprocess=_NoPostprocess(),
        )
