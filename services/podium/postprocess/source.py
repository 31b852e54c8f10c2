"""Frames of the source picture or video, upright and with their times, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from podium.errors import TooLarge, UnsupportedMedia
from podium.types import UInt8

_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts",
}
_SEEK_FROM_S = 2.0
"""A start earlier than this is reached faster by decoding than by seeking."""

_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
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
        TooLarge: frames of more than ``max_pixels``.
    """
    if cv2.haveImageReader(str(path)):
        return _Picture(path, max_pixels)
    return _Video(path, max_pixels)


class _Picture:
    fps = Fraction(0)
    time_base = Fraction(1, 1000)

    def __init__(self, path: Path, max_pixels: int) -> None:
        self._path = path
        self._max_pixels = max_pixels

    def frames(self, start_s: float) -> Iterator[SourceFrame]:
        try:
            picture = cv2.imread(str(self._path), cv2.IMREAD_COLOR_RGB)
        except cv2.error:  # OpenCV's own limit on the size
            picture = None
        if picture is None:
            raise UnsupportedMedia("is a picture that does not decode", field="source")
        _check_size(picture.shape[1], picture.shape[0], self._max_pixels)
        yield SourceFrame(start_s, np.asarray(picture, np.uint8))


class _Video:
    def __init__(self, path: Path, max_pixels: int) -> None:
        self._path = path
        with _open_video(path) as (container, stream):
            _check_size(stream.width, stream.height, max_pixels)
            self.fps = stream.average_rate or stream.guessed_rate or Fraction(30)
            self.time_base = stream.time_base or Fraction(1, 90_000)
            self._counted = container.format.name == "avi"  # it stores no times
            self._origin = _first_time(container, stream)

    def frames(self, start_s: float) -> Iterator[SourceFrame]:
        if start_s > _SEEK_FROM_S and not self._counted:
            with _open_video(self._path) as (container, stream):
                target = self._origin + round(start_s / self.time_base)
                container.seek(target, stream=stream)
                found = self._timed(container, stream)
                first = next(found, None)
                if first is not None and first.time_s <= start_s:
                    yield first
                    yield from found
                    return
        with _open_video(self._path) as (container, stream):
            yield from self._timed(container, stream)

    def _timed(self, container: InputContainer, stream: VideoStream) -> Iterator[SourceFrame]:
        for ordinal, frame in enumerate(_decode(container, stream)):
            if self._counted:
                yield SourceFrame(float(ordinal / self.fps), _upright(frame))
            elif frame.pts is not None:
                yield SourceFrame(
                    float((frame.pts - self._origin) * self.time_base), _upright(frame)
                )


@contextmanager
def _open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        container = av.open(str(path), options=_OPTIONS)
    except (av.FFmpegError, ValueError, OSError):
        raise UnsupportedMedia(
            "is not a video or a picture that can be read", field="source"
        ) from None
    with container:
        for stream in container.streams.video:
            cover = stream.disposition & Disposition.attached_pic
            if not cover and stream.codec_context is not None:
                stream.thread_type = "AUTO"
                yield container, stream
                return
        raise UnsupportedMedia("has no video that can be decoded", field="source")


def _first_time(container: InputContainer, stream: VideoStream) -> int:
    """Presentation time of the first frame; its packet need not be the first."""
    packets = islice(container.demux(stream), _REORDERED)
    times = [p.pts for p in packets if p.pts is not None and not p.is_discard]
    return min(times, default=stream.start_time or 0)


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames that decode; damaged ones are passed over."""
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


def _upright(frame: VideoFrame) -> UInt8:
    picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turn = round(frame.rotation) % 360
    return np.asarray(cv2.rotate(picture, _TURNS[turn]) if turn in _TURNS else picture)
