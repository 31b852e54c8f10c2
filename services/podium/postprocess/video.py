"""Frames of the source in, overlay video out; one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
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
_BT709 = 1


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


@contextmanager
def open_source(path: Path, *, max_pixels: int) -> Iterator[Source]:
    """Open a local picture or video.

    Raises:
        UnsupportedMedia: neither of them.
        TooLarge: frames of more than ``max_pixels``.
    """
    if cv2.haveImageReader(str(path)):
        yield _Picture(path, max_pixels)
        return
    try:
        container = av.open(str(path), options=_OPTIONS)
    except (av.FFmpegError, ValueError, OSError):
        raise UnsupportedMedia(
            "is not a video or a picture that can be read", field="source"
        ) from None
    with container:
        if not container.streams.video:
            raise UnsupportedMedia("has no video", field="source")
        yield _Video(container, max_pixels)


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
    def __init__(self, container: InputContainer, max_pixels: int) -> None:
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        _check_size(self._stream.width, self._stream.height, max_pixels)
        self.fps = self._stream.average_rate or self._stream.guessed_rate or Fraction(30)
        self.time_base = self._stream.time_base or Fraction(1, 90_000)

    def frames(self, start_s: float) -> Iterator[SourceFrame]:
        first = next(self._decode(), None)
        if first is None or first.pts is None:
            return
        origin = first.pts
        target = origin + round(start_s / self.time_base)
        for attempt in (target, None) if start_s > _SEEK_FROM_S else (None,):
            self._container.seek(origin if attempt is None else attempt, stream=self._stream)
            early = attempt is None  # after a seek, the first frame must not be beyond the target
            for frame in self._decode():
                if frame.pts is None:
                    continue
                if not early and frame.pts > target:
                    break
                early = True
                yield SourceFrame(float((frame.pts - origin) * self.time_base), _upright(frame))
            if early:
                return

    def _decode(self) -> Iterator[VideoFrame]:
        """Frames that decode; damaged ones are passed over."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except av.EOFError:
                return
            except av.FFmpegError:
                continue
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


class VideoWriter:
    """Writes H.264 in MP4 with given presentation times.

    Args:
        path: File to write.
        fps: Nominal frame rate.
        time_base: Unit of the presentation times.
    """

    def __init__(self, path: Path, fps: Fraction, time_base: Fraction) -> None:
        self._container = av.open(str(path), "w", options={"movflags": "faststart"})
        self._fps = fps
        self._time_base = time_base
        self._stream: VideoStream | None = None
        self._origin_s: float | None = None
        self._last = -1

    def write(self, picture: UInt8, time_s: float) -> None:
        """Append a picture (H, W, 3), RGB; an odd side is made even by repeating its last line."""
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._stream is None or self._origin_s is None:
            self._stream, self._origin_s = self._open_stream(picture), time_s
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        self._last = max(round((time_s - self._origin_s) / self._time_base), self._last + 1)
        frame.pts, frame.time_base = self._last, self._time_base
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def _open_stream(self, picture: UInt8) -> VideoStream:
        options = {"preset": "veryfast", "crf": "21"}
        stream: Any = self._container.add_stream("libx264", rate=self._fps, options=options)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._time_base
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        assert isinstance(stream, VideoStream)  # noqa: S101 - libx264 encodes video
        return stream
