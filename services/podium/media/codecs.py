"""What touches bytes that nobody vouches for: demuxers and decoders, behind one small interface.

``Codecs`` in this process; ``podium.containment`` has those in processes of their own.
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
from podium.media.upright import to_rgb
from podium.media.video_decoder import VideoDecoder
from podium.media.video_index import VideoIndex
from podium.media.video_scan import scan
from podium.types import Int64, UInt8

Check = Callable[[], None]
"""Called now and then while somebody waits; what it raises ends the work."""


def go_on() -> None:
    """The ``Check`` of work that nobody gives up."""


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What a video may be, and what its decoder may take."""

    max_pixels: int  # of a frame
    max_duration_s: float = math.inf
    threads: int = 1  # for each codec; 0: as many as there are processors


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """A frame of a video."""

    ordinal: int
    pixels: UInt8  # (H, W, 3) RGB, upright, in square pixels
    is_fitted: bool  # it is stored in another size than the video, and was scaled to that


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """A picture."""

    pixels: UInt8  # (H, W, 3) RGB, upright
    notes: tuple[str, ...]  # what was assumed, for people


class OpenVideo(Protocol):
    """A video that is decoded onwards from wherever it stands; used by one thread at a time."""

    def read(
        self, ordinals: Int64, starts: Sequence[int | None], check: Check
    ) -> Generator[ReadFrame, None, None]:
        """Decode frames; those that do not decode are left out.

        Args:
            ordinals: (N,) ascending, all in the file.
            starts: Packets to decode from, the next one where the one before gives no first frame;
                None: from where the decoder stands.
            check: Ends the work.
        """
        ...

    def close(self) -> None:
        """Let go of the file and of the frames."""
        ...


class Codecs(Protocol):
    """Reads media. Thread-safe."""

    def scan(self, source: Source, limits: VideoLimits, check: Check) -> VideoIndex:
        """Index the packets of a video.

        Raises:
            UnsupportedMedia: a container or codec that is not read.
            Unprocessable: damaged, cut off before its first frame, or without video.
            TooLarge: longer or larger than allowed.
        """
        ...

    def open(self, source: Source, index: VideoIndex, limits: VideoLimits) -> OpenVideo:
        """Open an indexed video. Raises as ``scan`` does."""
        ...

    def picture(self, data: bytes, field: str, check: Check) -> ReadPicture:
        """Decode a picture whose size was checked. Raises Unprocessable or TooLarge."""
        ...


class CodecsHere:
    """``Codecs`` in this process."""

    def scan(self, source: Source, limits: VideoLimits, check: Check) -> VideoIndex:
        """Index the packets of a video."""
        check()
        with source.open_video(limits.max_pixels) as (container, stream):
            width, height = stream.codec_context.width, stream.codec_context.height
            check_size(width, height, limits.max_pixels, field=source.field)
            if container.format.name != "mpegts":  # declares no length: FFmpeg would estimate it
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
        # Whoever reads video alone needs no OpenCV.
        from podium.media.pictures import picture_notes, read_picture

        check()
        return ReadPicture(read_picture(data, field=field), picture_notes(data))


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
            yield ReadFrame(ordinal, to_rgb(frame, index.size, index.pixel_aspect), is_fitted)

    def close(self) -> None:
        self._decoder.close()

    def _from_any(
        self, ordinals: Int64, starts: Sequence[int | None]
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Frames from the first of the places ``starts`` that gives the first of the frames."""
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
    """What the header says; 0: nothing."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
