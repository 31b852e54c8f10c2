"""Decodes GIF pictures with FFmpeg, since OpenCV does not; the first frame of an animation."""

from __future__ import annotations

import io

import av
import numpy as np

from podium.errors import Unprocessable
from podium.types import UInt8


def first_picture(data: bytes, *, field: str = "media") -> UInt8:
    """The pixels (H, W, 3), RGB. Raises Unprocessable if there is no picture."""
    try:
        with av.open(io.BytesIO(data), "r", format="gif") as container:
            for frame in container.decode(video=0):
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, IndexError):
        pass
    raise Unprocessable("is a picture that is damaged or cut off", field=field)


def is_animated(data: bytes) -> bool:
    """Whether a GIF has more than one frame."""
    try:
        with av.open(io.BytesIO(data), "r", format="gif") as container:
            pictures = (packet for packet in container.demux(video=0) if packet.size)
            return next(pictures, None) is not None and next(pictures, None) is not None
    except (av.FFmpegError, IndexError):
        return False
