"""Writes H.264 in MP4 with the presentation times of the source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from podium.types import UInt8

_BT709 = 1


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
        """Append a picture (H, W, 3), RGB; an odd side is padded by repeating its last line."""
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._stream is None or self._origin_s is None:
            self._stream, self._origin_s = self._open_stream(picture), time_s
        frame = VideoFrame.from_numpy_buffer(
            np.ascontiguousarray(picture), format="rgb24"
        ).reformat(
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
