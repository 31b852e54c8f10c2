"""READ FIRST: the one video reader. Frames by their ordinals, upright, in square pixels.

The packets of a video are indexed once (``video_scan``): which frame is in which packet, and when
it is shown. A range is decoded from the key frame before it, or by a decoder that an earlier range
left there (``open_decoders``). So it costs what it holds, wherever it lies.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Generator, Hashable, Iterator
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from podium.errors import TooLarge
from podium.media.containers import Source
from podium.media.frame_sizes import check_size
from podium.media.open_decoders import OpenDecoders, Wanted
from podium.media.upright import to_rgb
from podium.media.video_decoder import VideoDecoder
from podium.media.video_index import RECOVERY_KEYS, VideoIndex
from podium.media.video_scan import scan
from podium.types import Int64, UInt8

_INDEXES_KEPT = 4
"""Of the media read last; the index of two hours takes some 50 MB."""

_FRAMES_HELD = 8
"""By a decoder: references, frames that wait for their turn, and what the codec works on. Measured:
83 MB with 3840x2160, 10 MB with 1280x720 (H.264, one thread), which are 7 frames."""

_BYTES_PER_PIXEL = 1.5  # 4:2:0


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """A frame of a video."""

    ordinal: int
    pixels: UInt8  # (H, W, 3) RGB, upright, in square pixels
    is_fitted: bool  # it is stored in another size than the video, and was scaled to that


class VideoReader:
    """Reads videos; thread-safe. Decoders are closed with it.

    Args:
        max_pixels: Most pixels of a frame.
        max_duration_s: Longest video.
        threads: For each codec; 0: as many as there are processors.
        kept_bytes: Memory for decoders that are kept open for the next range; 0: none is kept.
    """

    def __init__(
        self,
        *,
        max_pixels: int,
        max_duration_s: float = math.inf,
        threads: int = 1,
        kept_bytes: int = 0,
    ) -> None:
        self._max_pixels = max_pixels
        self._max_duration_s = max_duration_s
        self._threads = threads
        self._decoders = OpenDecoders(kept_bytes)
        self._indexes: OrderedDict[Hashable, VideoIndex] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the decoders that are kept."""
        self._decoders.close()

    def index(self, source: Source) -> VideoIndex:
        """The index of a video, made when it is first asked for.

        Raises:
            UnsupportedMedia: a container or codec that is not read.
            Unprocessable: damaged, cut off before its first frame, or without video.
            TooLarge: longer or larger than allowed.
        """
        key = _identity(source)
        with self._lock:
            if key in self._indexes:
                self._indexes.move_to_end(key)
                return self._indexes[key]
        index = self._scan(source)
        with self._lock:
            self._indexes[key] = index
            while len(self._indexes) > _INDEXES_KEPT:
                self._indexes.popitem(last=False)
        return index

    def frames(
        self, source: Source, index: VideoIndex, ordinals: Int64
    ) -> Generator[ReadFrame, None, None]:
        """Decode frames; close the generator if it is not used up.

        Args:
            source: The video.
            index: Of the video.
            ordinals: (N,) ascending; those that are not in the file are left out.

        Yields:
            The frames that decode, in order.
        """
        ordinals = index.present(ordinals)
        if not len(ordinals):
            return
        entries = index.entries(ordinals)[:RECOVERY_KEYS]
        wanted = Wanted(
            key=_identity(source),
            first=int(ordinals[0]),
            last=int(ordinals[-1]),
            lead_in=max(0, int(index.packet[ordinals[0]]) - entries[0]),
            size_bytes=_held_bytes(source, index),
        )
        with self._decoders.use(wanted, lambda: self._decoder(source, index)) as (decoder, goes_on):
            starts: list[int | None] = [*([None] if goes_on else entries[:1]), *entries[-1:]]
            for ordinal, frame in _from_any(decoder, ordinals, list(dict.fromkeys(starts))):
                is_fitted = (frame.width, frame.height) != (index.width, index.height)
                pixels = to_rgb(frame, index.size, index.pixel_aspect)
                yield ReadFrame(ordinal, pixels, is_fitted)

    def _decoder(self, source: Source, index: VideoIndex) -> VideoDecoder:
        return VideoDecoder(source, index, max_pixels=self._max_pixels, threads=self._threads)

    def _scan(self, source: Source) -> VideoIndex:
        with source.open_video(self._max_pixels) as (container, stream):
            width, height = stream.codec_context.width, stream.codec_context.height
            check_size(width, height, self._max_pixels, field=source.field)
            if container.format.name != "mpegts":  # declares no length: FFmpeg would estimate it
                self._check_duration(_declared_s(container, stream), source)
            index = scan(source, container, stream)
        check_size(*index.size, self._max_pixels, field=source.field)
        self._check_duration(index.duration_s, source)
        return index

    def _check_duration(self, duration_s: float, source: Source) -> None:
        if duration_s > self._max_duration_s:
            raise TooLarge(
                f"is {duration_s:.0f} s long; at most {self._max_duration_s:.0f} s are read",
                field=source.field,
            )


def _from_any(
    decoder: VideoDecoder, ordinals: Int64, starts: list[int | None]
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from the first of the places ``starts`` that gives the first of the frames."""
    for start in starts:
        frames = decoder.frames(ordinals, start)
        first = next(frames, None)
        if first is not None and (first[0] == ordinals[0] or start == starts[-1]):
            yield from chain([first], frames)
            return


def _identity(source: Source) -> Hashable:
    """What tells media from others, and a file from what it was before it changed.

    Not the path: requests name an open file by a number that the next one gives to another.
    """
    if isinstance(source.data, bytes):
        return hashlib.sha256(source.data).digest()
    status = source.data.stat()  # one file may be read under several names
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _held_bytes(source: Source, index: VideoIndex) -> int:
    media = len(source.data) if isinstance(source.data, bytes) else 0
    return media + round(index.width * index.height * _BYTES_PER_PIXEL * _FRAMES_HELD)


def _declared_s(container: InputContainer, stream: VideoStream) -> float:
    """What the header says; 0: nothing."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
