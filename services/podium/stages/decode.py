"""The decode stage: media bytes to frames; keeps the frames and cuts crops out of them."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Protocol

import podium
from podium.errors import FramesGone, InvalidInput, NotFound, PodiumError, Unavailable
from podium.stages.contract import Call, ModelServer, Tensor, read_record
from podium.stages.decode_parameters import CropParameters, DecodeParameters, ReleaseParameters
from podium.types import (
    Crops,
    CropSpec,
    Float32,
    FrameBatch,
    FrameHandle,
    FrameRange,
    Int64,
    Letterbox,
    Media,
    SourceFacts,
)
from podium.wire import InferRequest, InferResult, Parameter, Tensors, bytes_tensor
from podium.wire.parameters import read_parameters


class Decode(Protocol):
    """Media bytes to frames; keeps the frames and cuts crops out of them."""

    async def decode(
        self, media: Media, frames: FrameRange, *, stride: int, letterbox: Letterbox | None
    ) -> FrameBatch:
        """Decode a range and letterbox every ``stride``-th frame of it (and the last one).

        Raises:
            InvalidInput: the media or the range is bad (415, 413, 422 or 400).
            Forbidden: the ``uri`` is outside the allow-list.
        """
        ...

    async def crop(
        self,
        frames: FrameHandle,
        frame_index: Int64,  # (M,)
        rois: Float32,  # (M, 5) cx, cy, w, h in frame pixels, rotation in radians
        spec: CropSpec,
        *,
        release: bool = False,
    ) -> Crops:
        """Cut M rotated regions out of kept frames; ``release``: the frames are not needed again.

        Raises:
            FramesGone: the replica no longer holds the frames; decode again.
        """
        ...

    def release(self, frames: FrameHandle) -> None:
        """Release kept frames early, as other requests may wait for their memory.

        Returns at once and never fails: without it the frames expire.
        """
        ...


# The tensors

MEDIA = (Tensor("media", "BYTES[1]", optional=True), Tensor("uri", "BYTES[1]", optional=True))
"""The media itself or its address; exactly one is given."""

DECODE = Call(
    "decode",
    inputs=MEDIA,
    outputs=(
        Tensor("images", "UINT8[D,S,S,3]"),
        Tensor("image_frame", "INT64[D]"),
        Tensor("transforms", "FP32[D,2,3]"),
        Tensor("frame_index", "INT64[N]"),
        Tensor("time_s", "FP64[N]"),
        Tensor("frame_ok", "BOOL[N]"),
        Tensor("frame_size", "INT32[2]"),
    ),
)
CROP = Call(
    "decode",
    inputs=(
        Tensor("frame_index", "INT64[M]"),
        Tensor("rois", "FP32[M,5]"),
        Tensor("handle", "BYTES[M]", optional=True),
    ),
    outputs=(Tensor("images", "UINT8[M,H,W,3]"), Tensor("transforms", "FP32[M,2,3]")),
)
RELEASE = Call("decode", inputs=(), outputs=())


# The client end


class DecodeClient:
    """``Decode`` by calls of a server."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._releases: set[asyncio.Task[None]] = set()  # event loops keep only weak references

    async def decode(
        self, media: Media, frames: FrameRange, *, stride: int, letterbox: Letterbox | None
    ) -> FrameBatch:
        """Call ``decode``."""
        inputs = (
            {"uri": bytes_tensor(media.uri)}
            if media.uri is not None
            else {"media": bytes_tensor(media.data or b"")}
        )
        asked = DecodeParameters.of(media, frames, stride, letterbox)
        result = await self._server.infer("decode", inputs, asked.to_wire())
        return FrameBatch(
            **DECODE.read(result),
            frames=read_record(FrameHandle, result.parameters, "decode: the answer"),
            source=_read_source(result.parameters),
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
        """Call ``crop`` on the replica that keeps the frames."""
        asked = CropParameters.of(frames, spec, release=release)
        try:
            result = await self._server.infer(
                "crop",
                {"frame_index": frame_index, "rois": rois},
                asked.to_wire(),
                address=frames.address,
                call="crop",
            )
        except (NotFound, Unavailable) as error:  # the frames were lost with the replica
            raise FramesGone(error.message) from None
        return Crops(**CROP.read(result, M=len(rois), H=spec.height, W=spec.width))

    def release(self, frames: FrameHandle) -> None:
        """Call ``release`` on that replica in a task that outlives the request."""
        # An empty context, so that the request's deadline and trace do not apply to this call.
        task = asyncio.get_running_loop().create_task(
            self._release(frames), context=contextvars.Context()
        )
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    async def _release(self, frames: FrameHandle) -> None:
        asked = ReleaseParameters(handle=frames.handle)
        with suppress(PodiumError, TimeoutError):  # then they expire
            async with asyncio.timeout(frames.expires_ms / 1e3):
                await self._server.infer(
                    "release", {}, asked.to_wire(), address=frames.address, call="release"
                )


# The server end


class _Model:
    """A call of the stage as a served model.

    Args:
        decode: Answers the call.
    """

    version = podium.__version__
    platform = "podium"
    parameters: Mapping[str, Parameter] = {}

    def __init__(self, decode: Decode) -> None:
        self._decode = decode


class DecodeModel(_Model):
    """The model ``decode``: decodes a range of frames and makes detector images of some."""

    name = "decode"
    inputs = DECODE.input_specs()
    outputs = DECODE.output_specs()

    async def infer(self, request: InferRequest) -> InferResult:
        """Decode. Raises what ``Decode.decode`` raises."""
        asked = read_parameters(DecodeParameters, request.parameters)
        batch = await self._decode.decode(
            replace(read_media(request.inputs), capture_fps=asked.capture_fps),
            asked.frames,
            stride=asked.stride,
            letterbox=asked.spec,
        )
        facts = {**asdict(batch.frames), **_source_parameters(batch.source)}
        return InferResult(DECODE.tensors_of(batch), facts)


class CropsOfSeveral(Decode, Protocol):
    """``Decode`` whose crops may come from frames of several ``decode`` calls."""

    async def crop_each(
        self,
        frames: Sequence[FrameHandle],  # (M,), or one for all
        frame_index: Int64,  # (M,)
        rois: Float32,  # (M, 5) as in ``crop``
        spec: CropSpec,
        *,
        release: bool = False,
    ) -> Crops:
        """As ``crop``; frames are released only if the whole call succeeds."""
        ...


class CropModel(_Model):
    """The model ``crop``: cuts regions out of frames that ``decode`` calls kept.

    Args:
        decode: Answers the call.
    """

    name = "crop"
    inputs = CROP.input_specs()
    outputs = CROP.output_specs()

    def __init__(self, decode: CropsOfSeveral) -> None:
        super().__init__(decode)
        self._crop_each = decode.crop_each

    async def infer(self, request: InferRequest) -> InferResult:
        """Crop. Raises what ``Decode.crop`` raises."""
        asked = read_parameters(CropParameters, request.parameters)
        crops = await self._crop_each(
            _handles(asked, request.inputs),
            request.inputs["frame_index"],
            request.inputs["rois"],
            asked.spec,
            release=asked.release,
        )
        return InferResult(CROP.tensors_of(crops))


class ReleaseModel(_Model):
    """The model ``release``: releases frames that a ``decode`` call kept."""

    name = "release"
    inputs = RELEASE.input_specs()
    outputs = RELEASE.output_specs()

    async def infer(self, request: InferRequest) -> InferResult:
        """Release; unknown or released handles are no error."""
        asked = read_parameters(ReleaseParameters, request.parameters)
        self._decode.release(FrameHandle(asked.handle, "", 0))
        return InferResult({})


def _handles(asked: CropParameters, inputs: Tensors) -> list[FrameHandle]:
    """The handles of each row, or one for all. Raises InvalidInput."""
    if (asked.handle is None) == ("handle" not in inputs):
        raise InvalidInput("give exactly one of the parameter and the input", field="handle")
    if asked.handle is not None:
        return [FrameHandle(asked.handle, "", 0)]
    handles = inputs["handle"]
    if len(handles) != len(inputs["rois"]):
        rows = len(inputs["rois"])
        raise InvalidInput(f"has {len(handles)} rows, but rois has {rows}", field="handle")
    return [FrameHandle(each.decode("ascii", "replace"), "", 0) for each in handles.tolist()]


def _source_parameters(source: SourceFacts) -> dict[str, Parameter]:
    return {**asdict(source), "notes": "\n".join(source.notes)}


def _read_source(parameters: Mapping[str, Parameter]) -> SourceFacts:
    notes = tuple(str(parameters.get("notes", "")).splitlines())
    return read_record(SourceFacts, {**parameters, "notes": notes}, "decode: the answer")


def read_media(inputs: Tensors) -> Media:
    """The media of a request with the inputs ``MEDIA``. Raises InvalidInput."""
    if len(inputs) != 1:
        raise InvalidInput("give exactly one of media and uri", field="media")
    if "media" in inputs:
        return Media(data=inputs["media"].item(0))
    try:
        return Media(uri=inputs["uri"].item(0).decode())
    except UnicodeDecodeError:
        raise InvalidInput("is not text", field="uri") from None
