"""Interface of the demuxers and decoders, which read untrusted bytes.

``CodecsHere`` works in this process; ``podium.containment`` has codecs in separate processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from podium.errors import TooLarge
from podium.media.containers import Source
from podium.media.frame_sizes import check_size
from podium.media.upright import to_rgb, to_yuv
from podium.media.video_decoder import VideoDecoder
from podium.media.video_index import VideoIndex
from podium.media.video_scan import scan
from podium.types import Int64, UInt8
from podium.yuv import Picture

Check = Callable[[], None]
"""Called regularly during the work; ends it by raising."""


def go_on() -> None:
    """A ``Check`` that never ends the work."""


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """Limits of a video and of its decoder."""

    max_pixels: int  # of a frame
    max_duration_s: float = math.inf
    threads: int = 1  # for each codec; 0: as many as there are processors


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """A frame of a video."""

    ordinal: int
    pixels: Picture  # upright, in square pixels; Yuv where VideoIndex.is_420
    is_fitted: bool  # stored in another size than the video, and scaled to that


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """A picture."""

    pixels: UInt8  # (H, W, 3) RGB, upright
    notes: tuple[str, ...]  # assumptions, as sentences for people


class OpenVideo(Protocol):
    """An open video that can be decoded further from its position; for one thread at a time."""

    def read(
        self, ordinals: Int64, starts: Sequence[int | None], check: Check
    ) -> Generator[ReadFrame, None, None]:
        """Decode frames; those that do not decode are skipped.

        Args:
            ordinals: (N,) ascending, all in the file.
            starts: Packets to start from; the next one is tried if the first frame does not decode
                from the one before. None: the current position.
            check: Ends the work by raising.
        """
        ...

    def close(self) -> None:
        """Close the file and drop the frames."""
        ...


class Codecs(Protocol):
    """Reads media. Thread-safe."""

    def scan(self, source: Source, limits: VideoLimits, check: Check) -> VideoIndex:
        """Index the packets of a video.

        Raises:
            UnsupportedMedia: the container or codec is not supported.
            Unprocessable: damaged, truncated before its first frame, or without video.
            TooLarge: longer or larger than allowed.
        """
        ...

    def open(self, source: Source, index: VideoIndex, limits: VideoLimits) -> OpenVideo:
        """Open an indexed video. Raises as ``scan`` does."""
        ...

    def picture(self, data: bytes, field: str, check: Check) -> ReadPicture:
        """Decode a picture whose size was checked. Raises Unprocessable or TooLarge."""
        ...

    def close(self) -> None:
        """End what runs; media that are being read fail."""
        ...


class CodecsHere:
    """``Codecs`` in this process."""

    def scan(self, source: Source, limits: VideoLimits, check: Check) -> VideoIndex:
        """Index the packets of a video."""
        check()
        with source.open_video(limits.max_pixels) as (container, stream):
            width, height = stream.codec_context.width, stream.codec_context.height
            check_size(width, height, limits.max_pixels, field=source.field)
            if container.format.name != "mpegts":  # FFmpeg only estimates its duration
                _check_duration(_declared_s(container, stream), limits, source)
            index = scan(source, container, stream)
        check_size(*index.size, limits.max_pixels, field=source.field)
        _check_duration(index.duration_s, limits, source)
        return index

    def open(self, source: Source, index: VideoIndex, limits: VideoLimits) -> OpenVideo:
        """Open an indexed video."""
        return _OpenHere(source, index, limits)

    def picture(self, data: bytes, field: str, check: Check) -> ReadPicture:
        """Decode a picture."""
        # Imported here, because reading only video needs no OpenCV.
        from podium.media.pictures import picture_notes, read_picture

        check()
        return ReadPicture(read_picture(data, field=field), picture_notes(data))

    def close(self) -> None:
        """Nothing runs."""


class _OpenHere:
    def __init__(self, source: Source, index: VideoIndex, limits: VideoLimits) -> None:
        self._index = index
        self._decoder = VideoDecoder(
            source, index, max_pixels=limits.max_pixels, threads=limits.threads
        )

    def read(
        self, ordinals: Int64, starts: Sequence[int | None], check: Check
    ) -> Generator[ReadFrame, None, None]:
        index = self._index
        for ordinal, frame in self._from_any(ordinals, starts):
            check()
            is_fitted = (frame.width, frame.height) != (index.width, index.height)
            if index.is_420:
                yield ReadFrame(ordinal, to_yuv(frame, index.size), is_fitted)
            else:
                yield ReadFrame(ordinal, to_rgb(frame, index.size, index.pixel_aspect), is_fitted)

    def close(self) -> None:
        self._decoder.close()

    def _from_any(
        self, ordinals: Int64, starts: Sequence[int | None]
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Frames from the first place in ``starts`` from which the first frame can be decoded."""
        for start in starts:
            frames = self._decoder.frames(ordinals, start)
            first = next(frames, None)
            if first is not None and (first[0] == ordinals[0] or start == starts[-1]):
                yield from chain([first], frames)
                return


def _check_duration(duration_s: float, limits: VideoLimits, source: Source) -> None:
    if duration_s > limits.max_duration_s:
        raise TooLarge(
            f"is {duration_s:.0f} s long; at most {limits.max_duration_s:.0f} s are read",
            field=source.field,
        )


def _declared_s(container: InputContainer, stream: VideoStream) -> float:
    """Duration in the header; 0: unknown."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
