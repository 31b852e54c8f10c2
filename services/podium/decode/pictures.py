"""JPEG, PNG, WebP and GIF pictures: videos of one frame."""

from __future__ import annotations

import numpy as np

from podium.decode.frames import CHANNELS, Claim, DecodedFrames, Limits, select
from podium.media.codecs import Check, Codecs, CodecsHere, go_on
from podium.media.frame_sizes import check_size
from podium.media.picture_header import picture_size
from podium.types import FrameRange, SourceFacts


def decode_picture(
    data: bytes,
    frames: FrameRange,
    limits: Limits,
    *,
    codecs: Codecs | None = None,
    claim: Claim = lambda _: None,
    check: Check = go_on,
) -> DecodedFrames:
    """Decode a picture and rotate it upright by its EXIF data.

    Raises:
        TooLarge: too many pixels, by the header; nothing is decoded.
        Unprocessable: damaged or truncated.
        InvalidInput: the range starts beyond the only frame.
    """
    width, height = picture_size(data)
    check_size(width, height, limits.max_pixels, field="media")
    frame_index = select(frames, 1, width * height * CHANNELS, limits)
    claim(width * height * CHANNELS)
    read = (codecs or CodecsHere()).picture(data, "media", check)
    return DecodedFrames(
        frame_index=frame_index,
        time_s=np.zeros(1),
        frame_ok=np.ones(1, np.bool_),
        pixels={0: read.pixels},
        size=(read.pixels.shape[1], read.pixels.shape[0]),
        source=SourceFacts(frame_count=1, fps=0.0, duration_s=0.0, notes=read.notes),
    )
