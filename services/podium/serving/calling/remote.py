"""The stages of ``podium.stages`` over the Open Inference Protocol."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import orjson

from podium.errors import (
    FramesGone,
    InvalidInput,
    NotFound,
    StageFailed,
    Unavailable,
    Unprocessable,
)
from podium.serving.calling.client import OipClient
from podium.types import (
    Crops,
    CropSpec,
    Detections,
    FailedRows,
    Float32,
    FrameBatch,
    FrameHandle,
    FrameRange,
    Int64,
    Letterbox,
    Media,
    ModelFacts,
    Poses2D,
    Poses3D,
    SourceFacts,
    UInt8,
)
from podium.wire import InferResult, Parameter, Tensors, bytes_tensor

_FACTS_TTL_S = 5.0
"""How long a model that was swapped may still be described as before."""


class RemoteDecode:
    """The decode service."""

    def __init__(self, client: OipClient) -> None:
        self._client = client

    async def decode(
        self, media: Media, frames: FrameRange, *, stride: int, letterbox: Letterbox | None
    ) -> FrameBatch:
        inputs = (
            {"uri": bytes_tensor(media.uri)}
            if media.uri is not None
            else {"media": bytes_tensor(media.data or b"")}
        )
        parameters: dict[str, Parameter] = {
            "start": frames.start,
            "step": frames.step,
            "stride": stride,
        }
        if frames.count is not None:
            parameters["count"] = frames.count
        if media.capture_fps is not None:
            parameters["capture_fps"] = media.capture_fps
        if letterbox is not None:
            parameters |= {
                "letterbox": letterbox.size,
                "letterbox_anchor": letterbox.anchor,
                "letterbox_fill": letterbox.fill,
            }
        result = await self._client.infer("decode", inputs, parameters)
        facts, out = result.parameters, result.outputs
        with _answers_of(self._client.stage):
            return FrameBatch(
                frames=FrameHandle(
                    handle=str(facts["handle"]),
                    address=str(facts["address"]),
                    expires_ms=int(facts["expires_ms"]),
                ),
                frame_index=out["frame_index"],
                time_s=out["time_s"],
                frame_ok=out["frame_ok"],
                frame_size=out["frame_size"],
                images=out["images"],
                image_frame=out["image_frame"],
                transforms=out["transforms"],
                source=SourceFacts(
                    frame_count=int(facts["frame_count"]),
                    fps=float(facts["fps"]),
                    duration_s=float(facts["duration_s"]),
                    complete=bool(facts["complete"]),
                    slow_motion=float(facts["slow_motion"]),
                    notes=tuple(str(facts["notes"]).splitlines()),
                ),
            )

    async def crop(
        self,
        frames: FrameHandle,
        frame_index: Int64,
        rois: Float32,
        spec: CropSpec,
        *,
        release: bool = False,
    ) -> Crops:
        try:
            result = await self._client.infer(
                "crop",
                {"frame_index": frame_index, "rois": rois},
                {
                    "handle": frames.handle,
                    "height": spec.height,
                    "width": spec.width,
                    "border": spec.border,
                    "release": release,
                },
                address=frames.address,
                call="crop",
            )
        except (NotFound, Unavailable) as error:  # without that replica its frames are lost
            raise FramesGone(error.message) from None
        with _answers_of(self._client.stage):
            return Crops(result.outputs["images"], result.outputs["transforms"])


class _RemoteModels:
    """What the three model services share."""

    def __init__(self, client: OipClient) -> None:
        self._client = client
        self._facts: dict[str, tuple[float, ModelFacts]] = {}  # model -> when asked, answer

    async def describe(self, model: str) -> ModelFacts:
        asked_s, _ = self._facts.get(model, (-math.inf, None))
        if time.monotonic() - asked_s > _FACTS_TTL_S:
            metadata = await self._client.metadata(model)
            with _answers_of(self._client.stage):
                _, _, pinned = model.partition("@")
                facts = ModelFacts(
                    name=metadata["name"],
                    version=pinned or metadata["versions"][-1],
                    parameters=metadata.get("parameters", {}),
                )
            self._facts[model] = time.monotonic(), facts
        return self._facts[model][1]

    async def _infer(self, model: str, inputs: Tensors) -> InferResult:
        try:
            return await self._client.infer(model, inputs)
        except Unprocessable:  # rows that the engine refuses
            raise
        except InvalidInput as error:  # the pipeline's mistake, not that of its caller
            raise StageFailed(f"{self._client.stage}: {model}: {error.message}") from None


class RemoteDetection(_RemoteModels):
    """The detection service."""

    async def detect(self, model: str, images: UInt8) -> Detections:
        result = await self._infer(model, {"images": images})
        out = result.outputs
        with _answers_of(self._client.stage):
            return Detections(
                out["boxes"],
                out["scores"],
                out["image_index"],
                out.get("rois"),
                _failed(result),
            )


class RemotePose2D(_RemoteModels):
    """The 2D pose service."""

    async def estimate(self, model: str, images: UInt8) -> Poses2D:
        result = await self._infer(model, {"images": images})
        out = result.outputs
        with _answers_of(self._client.stage):
            return Poses2D(out["keypoints"], out.get("presence"), _failed(result))


class RemotePose3D(_RemoteModels):
    """The 3D pose service."""

    async def estimate(
        self,
        model: str,
        images: UInt8,
        boxes: Float32 | None = None,
        intrinsics: Float32 | None = None,
    ) -> Poses3D:
        inputs: dict[str, np.ndarray[Any, Any]] = {"images": images}
        if boxes is not None:
            inputs["boxes"] = boxes
        if intrinsics is not None:  # one row per crop, so that crops of several cameras batch
            inputs["intrinsics"] = np.tile(intrinsics, (len(images), 1))
        result = await self._infer(model, inputs)
        out = result.outputs
        with _answers_of(self._client.stage):
            return Poses3D(
                out["keypoints_3d"],
                out["keypoints"],
                out["scores"],
                out.get("presence"),
                out.get("root_depth"),
                _failed(result),
            )


class RemotePostprocess:
    """The postprocess service."""

    def __init__(self, client: OipClient) -> None:
        self._client = client

    async def postprocess(
        self,
        source: str,
        output: str,
        options: dict[str, Any],
        *,
        results: str | None = None,
        results_uri: str | None = None,
    ) -> dict[str, Any]:
        texts = {
            "source": source,
            "output": output,
            "results": results,
            "results_uri": results_uri,
        }
        inputs = {name: bytes_tensor(text) for name, text in texts.items() if text is not None}
        result = await self._client.infer("postprocess", inputs, options)
        with _answers_of(self._client.stage):
            decoded = orjson.loads(result.outputs["result"].item(0))
            if not isinstance(decoded, dict):
                raise ValueError("not an object")
            return decoded


def _failed(result: InferResult) -> FailedRows:
    """The rows that ``podium.serving.hosting.model_service`` says its engine refused."""
    if "failed_rows" not in result.parameters:
        return {}
    rows, reasons = (
        orjson.loads(str(result.parameters[key])) for key in ("failed_rows", "failed_reasons")
    )
    return dict(zip(rows, reasons, strict=True))


@contextmanager
def _answers_of(stage: str) -> Iterator[None]:
    """Turn a malformed answer (a missing tensor, an ill-typed parameter) into StageFailed."""
    try:
        yield
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise StageFailed(f"{stage}: the answer lacks or garbles {error}") from None
