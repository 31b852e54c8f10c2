"""The decode stage: media to frames, detector images and crops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from podium.containment.settings import open_codecs
from podium.decode.frame_store import FrameStore, Room
from podium.decode.frames import DecodedFrames
from podium.decode.pictures import decode_picture
from podium.decode.settings import DecodeSettings
from podium.decode.video import decode_video
from podium.errors import (
    InvalidInput,
    NotFound,
    TooLarge,
    Unprocessable,
    raise_if_exhausted,
)
from podium.media.containers import HEAD_BYTES, Source
from podium.media.picture_header import is_picture
from podium.media.video import VideoReader
from podium.serving.observing.in_thread import in_thread
from podium.serving.observing.metered_executor import MeteredExecutor
from podium.serving.observing.telemetry import Metrics
from podium.storage.file_locks import HeldFile
from podium.storage.object_store import ObjectStore
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
    UInt8,
)
from podium.vision.affine import crop
from podium.vision.letterbox import letterbox as make_square
from podium.yuv import Yuv

_FEW_PIXELS = 256 * 256
_FEW_ROWS = 16
"""Up to this many pixels and rows, usually one crop, cutting from RGB takes 0.1 ms, as long as
waking a thread."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The range of a request."""

    frames: FrameRange
    capture_fps: float | None  # given by the caller


class Decoder:
    """Implements ``podium.stages.Decode`` with its own threads.

    Args:
        settings: Limits, threads and what may be read.
        address: Base URL of this replica; "" in process.
        metrics: Where to count; None: not counted.
    """

    def __init__(
        self, settings: DecodeSettings, *, address: str = "", metrics: Metrics | None = None
    ) -> None:
        self._settings = settings
        self._address = address
        self._store = FrameStore(settings.store_bytes, settings.store_ttl_s)
        self._objects = ObjectStore(settings.objects)
        self._opened = ExitStack()
        idle = settings.workers + 1
        self._codecs = self._opened.enter_context(open_codecs(settings.codecs, idle=idle))
        self._videos = VideoReader(
            max_pixels=settings.max_pixels,
            max_duration_s=settings.max_duration_s,
            threads=settings.threads,
            kept_bytes=settings.open_videos_bytes,
            codecs=self._codecs,
        )
        # Separate threads: decoding waits for room in the store, and only crops make room.
        self._decoders = ThreadPoolExecutor(settings.workers, thread_name_prefix="decode")
        self._croppers = ThreadPoolExecutor(settings.workers, thread_name_prefix="crop")
        metrics = metrics or Metrics("decode")
        self._decoding = MeteredExecutor(self._decoders, "decode", metrics)
        self._cropping = MeteredExecutor(self._croppers, "crop", metrics)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._decoders.shutdown(cancel_futures=True)
        self._croppers.shutdown(cancel_futures=True)
        self._videos.close()
        self._opened.close()

    async def decode(
        self, media: Media, frames: FrameRange, *, stride: int = 1, letterbox: Letterbox | None
    ) -> FrameBatch:
        """Decode a range and letterbox every ``stride``-th frame of it (and the last one).

        Frames that do not decode have no image.

        Raises:
            UnsupportedMedia, Unprocessable, TooLarge, InvalidInput: the message names the input.
            Forbidden, NotFound, Unavailable: the ``uri`` cannot be read.
        """
        if (media.data is None) == (media.uri is None):
            raise InvalidInput("give exactly one of media and uri", field="media")
        held: bytes | HeldFile = media.data or b""
        if media.uri is not None:
            held = await self._objects.fetch(media.uri)
        room = self._store.room()
        wanted = _Wanted(frames, media.capture_fps)
        try:
            return await in_thread(
                self._decoding, self._decode, room, held, wanted, stride, letterbox
            )
        except asyncio.CancelledError:
            room.abandon()
            raise

    async def crop(
        self,
        frames: FrameHandle,
        frame_index: Int64,
        rois: Float32,
        spec: CropSpec,
        *,
        release: bool = False,
    ) -> Crops:
        """Cut M rotated regions out of kept frames.

        Args:
            frames: The handle from ``decode``.
            frame_index: (M,) frame of each region.
            rois: (M, 5) cx, cy, w, h in frame pixels, rotation in radians.
            spec: Size and border of the crops.
            release: Release the frames, unless the call fails.

        Raises:
            FramesGone: the handle has expired or is unknown.
            InvalidInput: a frame is not in the batch or a region is not valid.
            TooLarge: the crops are larger than one answer may be.
        """
        return await self.crop_each([frames], frame_index, rois, spec, release=release)

    async def crop_each(
        self,
        frames: Sequence[FrameHandle],
        frame_index: Int64,
        rois: Float32,
        spec: CropSpec,
        *,
        release: bool = False,
    ) -> Crops:
        """Cut regions out of frames of several ``decode`` calls.

        Args:
            frames: The handle for each of the M rows, or one for all.
            frame_index: (M,) frame of each region.
            rois: (M, 5) as for ``crop``.
            spec: Size and border of the crops.
            release: Release the frames of all handles, unless the call fails.

        Raises:
            FramesGone, InvalidInput, TooLarge: as ``crop``.
        """
        rows = len(frame_index)
        if len(rois) != rows:
            raise InvalidInput(f"has {len(rois)} rows, but frame_index has {rows}", field="rois")
        self._check_bytes(rows, spec.height, spec.width, field="rois")
        calls = {each.handle: each for each in frames}
        kept = {handle: self._store.get(handle) for handle in calls}
        of_row = [kept[each.handle] for each in frames] * (rows if len(frames) == 1 else 1)
        ordinals = frame_index.tolist()
        for row, (ordinal, of_call) in enumerate(zip(ordinals, of_row, strict=True)):
            if ordinal not in of_call:
                raise InvalidInput(
                    f"row {row} is frame {ordinal}, which was not decoded with this handle",
                    field="frame_index",
                )
        pixels = [of_call[ordinal] for ordinal, of_call in zip(ordinals, of_row, strict=True)]
        few = rows <= _FEW_ROWS and rows * spec.height * spec.width <= _FEW_PIXELS
        if few and not any(isinstance(picture, Yuv) for picture in pixels):
            crops = self._cropping.run_here(crop, pixels, rois, spec)
        else:
            crops = await in_thread(self._cropping, crop, pixels, rois, spec)
        if release:
            for each in calls.values():
                self.release(each)
        return crops

    def release(self, frames: FrameHandle) -> None:
        """Release kept frames; unknown handles are ignored."""
        self._store.drop(frames.handle)

    def _decode(
        self,
        room: Room,
        held: bytes | HeldFile,
        wanted: _Wanted,
        stride: int,
        spec: Letterbox | None,
    ) -> FrameBatch:
        with room:
            try:
                decoded = self._read(held, wanted, room)
            except OSError as error:
                raise_if_exhausted(error)
                raise
            images, transforms, shown = self._squares(decoded, stride, spec)
            handle = room.keep(decoded.pixels)
        return FrameBatch(
            frames=FrameHandle(handle, self._address, round(self._settings.store_ttl_s * 1000)),
            frame_index=decoded.frame_index,
            time_s=decoded.time_s,
            frame_ok=decoded.frame_ok,
            frame_size=np.array(decoded.size, np.int32),
            images=images,
            image_frame=np.array(shown, np.int64),
            transforms=transforms,
            source=decoded.source,
        )

    def _squares(
        self, decoded: DecodedFrames, stride: int, spec: Letterbox | None
    ) -> tuple[UInt8, Float32, Sequence[int]]:
        """The detector images, their transforms, and their frames."""
        if spec is None:
            return np.zeros((0, 0, 0, 3), np.uint8), np.zeros((0, 2, 3), np.float32), []
        shown = _detector_frames(decoded, stride)
        self._check_bytes(len(shown), spec.size, spec.size, field="letterbox")
        images = np.empty((len(shown), spec.size, spec.size, 3), np.uint8)
        transforms = np.empty((len(shown), 2, 3), np.float32)
        for row, ordinal in enumerate(shown):
            images[row], transforms[row] = make_square(decoded.pixels[ordinal], spec)
        return images, transforms, shown

    def _read(self, held: bytes | HeldFile, wanted: _Wanted, room: Room) -> DecodedFrames:
        data = held if isinstance(held, bytes) else held.path
        try:
            size_bytes = len(data) if isinstance(data, bytes) else data.stat().st_size
            head = data[:HEAD_BYTES] if isinstance(data, bytes) else _head(data)
            if size_bytes == 0:
                raise Unprocessable("is empty", field="media")
            whole = isinstance(data, bytes) or is_picture(head)
            if whole and size_bytes > self._settings.max_media_bytes:
                raise TooLarge(
                    f"has {size_bytes} bytes; at most {self._settings.max_media_bytes} are read: "
                    "send long video by uri",
                    field="media",
                )
            if is_picture(head):
                picture = data if isinstance(data, bytes) else data.read_bytes()
                return decode_picture(
                    picture,
                    wanted.frames,
                    self._settings.limits,
                    codecs=self._codecs,
                    claim=room.claim,
                    check=room.check,
                )
        except OSError as error:
            raise_if_exhausted(error)
            raise NotFound(f"uri: cannot be read ({error.strerror})") from error
        return decode_video(
            self._videos,
            Source(data, head),
            wanted.frames,
            self._settings.limits,
            capture_fps=wanted.capture_fps,
            claim=room.claim,
            check=room.check,
        )

    def _check_bytes(self, count: int, height: int, width: int, *, field: str) -> None:
        limit = self._settings.max_images_bytes
        if count * height * width * 3 > limit:
            raise TooLarge(
                f"{count} images of {width}x{height} are more than {limit} bytes; ask for fewer",
                field=field,
            )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _detector_frames(decoded: DecodedFrames, stride: int) -> Sequence[int]:
    """Every ``stride``-th frame of the range and the last one, of the frames that are ok."""
    strided = [n for n in decoded.frame_index[::stride].tolist() if n in decoded.pixels]
    last = max(decoded.pixels, default=-1)
    return strided if last < 0 or last in strided else [*strided, last]
