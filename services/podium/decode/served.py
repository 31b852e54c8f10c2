"""The two models of the decode service: tensors in, tensors out, the work in ``Decoder``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import podium
from podium.decode.decoder import Decoder
from podium.decode.parameters import CropParameters, DecodeParameters
from podium.errors import InvalidInput
from podium.serving.http.parameters import read_parameters
from podium.types import FrameHandle, Media
from podium.wire import InferRequest, InferResult, Parameter, TensorSpec


class DecodeModel:
    """The model ``decode``: a range of frames, and detector images of some of them."""

    name = "decode"
    version = podium.__version__
    platform = "podium"
    inputs = (
        TensorSpec("media", "BYTES", (1,), optional=True),
        TensorSpec("uri", "BYTES", (1,), optional=True),
    )
    outputs = (
        TensorSpec("images", "UINT8", (-1, -1, -1, 3)),
        TensorSpec("image_frame", "INT64", (-1,)),
        TensorSpec("transforms", "FP32", (-1, 2, 3)),
        TensorSpec("frame_index", "INT64", (-1,)),
        TensorSpec("time_s", "FP64", (-1,)),
        TensorSpec("frame_ok", "BOOL", (-1,)),
        TensorSpec("frame_size", "INT32", (2,)),
    )
    parameters: Mapping[str, Parameter] = {}

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    async def infer(self, request: InferRequest) -> InferResult:
        """Decode. Raises what ``Decoder.decode`` raises."""
        parameters = read_parameters(DecodeParameters, request.parameters)
        batch = await self._decoder.decode(
            replace(_media(request), capture_fps=parameters.capture_fps),
            parameters.frames,
            stride=parameters.stride,
            letterbox=parameters.spec,
        )
        return InferResult(
            {spec.name: getattr(batch, spec.name) for spec in self.outputs},
            {
                "handle": batch.frames.handle,
                "address": batch.frames.address,
                "expires_ms": batch.frames.expires_ms,
                "frame_count": batch.source.frame_count,
                "fps": batch.source.fps,
                "duration_s": batch.source.duration_s,
                "complete": batch.source.complete,
                "slow_motion": batch.source.slow_motion,
                "notes": "\n".join(batch.source.notes),
            },
        )


class CropModel:
    """The model ``crop``: regions of the frames that a ``decode`` call kept."""

    name = "crop"
    version = podium.__version__
    platform = "podium"
    inputs = (
        TensorSpec("frame_index", "INT64", (-1,)),
        TensorSpec("rois", "FP32", (-1, 5)),
    )
    outputs = (
        TensorSpec("images", "UINT8", (-1, -1, -1, 3)),
        TensorSpec("transforms", "FP32", (-1, 2, 3)),
    )
    parameters: Mapping[str, Parameter] = {}

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    async def infer(self, request: InferRequest) -> InferResult:
        """Crop. Raises what ``Decoder.crop`` raises."""
        parameters = read_parameters(CropParameters, request.parameters)
        crops = await self._decoder.crop(
            FrameHandle(parameters.handle, "", 0),
            request.inputs["frame_index"],
            request.inputs["rois"],
            parameters.spec,
            release=parameters.release,
        )
        return InferResult({"images": crops.images, "transforms": crops.transforms})


def _media(request: InferRequest) -> Media:
    if len(request.inputs) != 1:
        raise InvalidInput("give exactly one of media and uri", field="media")
    if "media" in request.inputs:
        return Media(data=request.inputs["media"].item(0))
    try:
        return Media(uri=request.inputs["uri"].item(0).decode())
    except UnicodeDecodeError:
        raise InvalidInput("is not text", field="uri") from None
