"""Pictures as FFmpeg's frames, and back."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from podium.types import UInt8
from podium.yuv import Picture, Yuv


def frame_of(yuv: Yuv) -> VideoFrame:
    """A picture as a frame; in the same memory where that is possible."""
    height, width, _ = yuv.shape
    if height % 4 == 0:
        frame = VideoFrame.from_numpy_buffer(yuv.planes, format="yuv420p")
    else:  # PyAV would leave out the last two lines
        frame = VideoFrame(width, height, "yuv420p")
        for number, pixels in enumerate((yuv.luma, *yuv.chroma)):
            _lines(frame, number)[:, : pixels.shape[1]] = pixels
    return frame


def rgb_of(picture: Picture) -> UInt8:
    """A picture (H, W, 3) in RGB, perhaps with gaps between lines.

    FFmpeg converts it, as it converts the frames of other formats: every line by itself.
    """
    if not isinstance(picture, Yuv):
        return picture
    stored = frame_of(picture)
    stored.colorspace = picture.colours.matrix
    stored.color_range = ColorRange.JPEG if picture.colours.is_full_range else ColorRange.MPEG
    frame = stored.reformat(format="rgb24", threads=1)
    pixels = _lines(frame, 0)[:, : frame.width * 3]
    return pixels.reshape(frame.height, frame.width, 3)


def _lines(frame: VideoFrame, number: int) -> UInt8:
    """A plane of a frame, lines with their padding."""
    plane = frame.planes[number]
    lines = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
    return np.asarray(lines.reshape(plane.height, plane.line_size))
