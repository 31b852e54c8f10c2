"""Writes H.264 in MP4 with the presentation times and the colours of the source."""

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
from podium.vision.video_frames import frame_of
from podium.yuv import Colours, Picture, Yuv

_BT709 = 1
_RGB_COLOURS = Colours(_BT709, _BT709, _BT709)
"""Those that RGB is encoded in."""

_OPTIONS = {
    "preset": "ultrafast",
    "crf": "21",
    "x264-params": "mbtree=1:rc-lookahead=10:cabac=1:aq-mode=1:deblock=0,0",
}
"""The cheapest preset, with what saves most bytes for little time (see loadtest/benchmarks)."""


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

    def write(self, picture: Picture, time_s: float) -> None:
        """Append a picture; it is not to be changed then, as its memory may be encoded later.

        An odd side of RGB is padded by repeating its last line.
        """
        frame, colours = (
            (frame_of(picture), picture.colours)
            if isinstance(picture, Yuv)
            else (_of_rgb(picture), _RGB_COLOURS)
        )
        if self._stream is None or self._origin_s is None:
            size = frame.width, frame.height
            self._stream, self._origin_s = self._open_stream(size, colours), time_s
        self._last = max(round((time_s - self._origin_s) / self._time_base), self._last + 1)
        frame.pts, frame.time_base = self._last, self._time_base
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def _open_stream(self, size: tuple[int, int], colours: Colours) -> VideoStream:
        stream: Any = self._container.add_stream("libx264", rate=self._fps, options=_OPTIONS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._time_base
        context = stream.codec_context
        # The next frame is drawn meanwhile. Threads by slices, the default, would be waited for.
        context.thread_type, context.thread_count = "FRAME", 2
        context.colorspace, context.color_primaries = colours.matrix, colours.primaries
        context.color_trc = colours.transfer
        context.color_range = ColorRange.JPEG if colours.is_full_range else ColorRange.MPEG
        assert isinstance(stream, VideoStream)  # noqa: S101 - libx264 encodes video
        return stream


def _of_rgb(picture: UInt8) -> VideoFrame:
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    frame = VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture), format="rgb24")
    return frame.reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
