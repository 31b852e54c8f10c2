"""Frames of the source picture or video, upright and with their times, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from podium.errors import NotFound, TooLarge, Unprocessable
from podium.media.containers import HEAD_BYTES
from podium.media.containers import Source as Container
from podium.media.picture_header import is_picture, picture_size
from podium.media.upright import to_rgb
from podium.types import UInt8

_SEEK_FROM_S = 2.0
"""A start earlier than this is reached faster by decoding than by seeking."""

_PICTURE_HEADER_BYTES = 4 << 20
"""Colour profiles and previews may lie before the size."""

_REORDERED = 32


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """One decoded frame, upright."""

    time_s: float  # from the first frame of the source
    picture: UInt8  # (H, W, 3) RGB, ours to draw on


class Source(Protocol):
    """A picture or a video."""

    fps: Fraction  # 0 for a picture
    time_base: Fraction

    def frames(self, start_s: float) -> Iterator[SourceFrame]:
        """Frames in order, from at most ``start_s`` on."""
        ...


def open_source(path: Path, *, max_pixels: int) -> Source:
    """Look at a local picture or video.

    Raises:
        UnsupportedMedia: neither of them.
        Unprocessable: it is damaged or cut off.
        TooLarge: frames of more than ``max_pixels``.
        NotFound: no file that can be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if is_picture(head):
                head += file.read(_PICTURE_HEADER_BYTES)
    except OSError as error:
        raise NotFound(f"source: cannot be read ({error.strerror})") from error
    if is_picture(head):
        return _Picture(path, picture_size(head, field="source"), max_pixels)
    return _Video(Container(path, head, field="source"), max_pixels)


class _Picture:
    fps = Fraction(0)
    time_base = Fraction(1, 1000)

    def __init__(self, path: Path, size: tuple[int, int], max_pixels: int) -> None:
        _check_size(*size, max_pixels)
        self._path = path
        self._size = size

    def frames(self, start_s: float) -> Iterator[SourceFrame]:
        picture = None
        with suppress(cv2.error):  # OpenCV's own limit on the size
            picture = cv2.imread(str(self._path), cv2.IMREAD_COLOR_RGB)
        if picture is None or sorted(picture.shape[:2]) != sorted(self._size):  # EXIF turns it
            raise Unprocessable("is a picture that is damaged or cut off", field="source")
        yield SourceFrame(start_s, np.asarray(picture, np.uint8))


class _Video:
    def __init__(self, source: Container, max_pixels: int) -> None:
        self._source = source
        self._max_pixels = max_pixels
        with source.open_video(max_pixels) as (container, stream):
            _check_size(stream.width, stream.height, max_pixels)
            self.fps = stream.average_rate or stream.guessed_rate or Fraction(30)
            self.time_base = stream.time_base or Fraction(1, 90_000)
            self._counted = container.format.name == "avi"  # it stores no times
            self._origin = _first_time(container, stream)

    def frames(self, start_s: float) -> Iterator[SourceFrame]:
        if start_s > _SEEK_FROM_S and not self._counted:
            with self._source.open_video(self._max_pixels) as (container, stream):
                target = self._origin + round(start_s / self.time_base)
                container.seek(target, stream=stream)
                found = self._timed(container, stream)
                first = next(found, None)
                if first is not None and first.time_s <= start_s:
                    yield first
                    yield from found
                    return
        with self._source.open_video(self._max_pixels) as (container, stream):
            yield from self._timed(container, stream)

    def _timed(self, container: InputContainer, stream: VideoStream) -> Iterator[SourceFrame]:
        for ordinal, frame in enumerate(_decode(container, stream)):
            if self._counted:
                yield SourceFrame(float(ordinal / self.fps), to_rgb(frame))
            elif frame.pts is not None:
                yield SourceFrame(float((frame.pts - self._origin) * self.time_base), to_rgb(frame))


def _first_time(container: InputContainer, stream: VideoStream) -> int:
    """Presentation time of the first frame; its packet need not be the first."""
    packets = islice(container.demux(stream), _REORDERED)
    times = [p.pts for p in packets if p.pts is not None and not p.is_discard]
    return min(times, default=stream.start_time or 0)


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames that decode; damaged ones are passed over."""
    stream.codec_context.thread_count = 0  # as many as there are processors
    stream.thread_type = "AUTO"
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else None
        except av.EOFError:
            return
        except av.FFmpegError:
            continue
        if frames is None:
            return
        yield from frames


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise TooLarge(
            f"is {width}x{height}; at most {max_pixels} pixels are drawn", field="source"
        )
