"""JPEG, PNG and WebP pictures: videos of one frame."""

from __future__ import annotations

from contextlib import suppress

import cv2
import numpy as np

from podium.decode.frames import CHANNELS, Claim, DecodedFrames, Limits, check_pixels, select
from podium.errors import Unprocessable
from podium.media.picture_header import picture_size
from podium.types import FrameRange, SourceFacts


def decode_picture(
    data: bytes, frames: FrameRange, limits: Limits, *, claim: Claim = lambda _: None
) -> DecodedFrames:
    """Decode a picture, turned upright as its EXIF data says (JPEG and PNG).

    Raises:
        TooLarge: too many pixels; found in the header, before anything is decoded.
        Unprocessable: damaged or cut off.
        InvalidInput: the range starts beyond the one frame.
    """
    width, height = picture_size(data)
    check_pixels(width, height, limits)
    frame_index = select(frames, 1, width * height, limits)
    claim(width * height * CHANNELS)
    image = None
    with suppress(cv2.error):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None or sorted(image.shape[:2]) != sorted((height, width)):  # EXIF turns it
        raise Unprocessable("is a picture that is damaged or cut off", field="media")
    return DecodedFrames(
        frame_index=frame_index,
        time_s=np.zeros(1),
        frame_ok=np.ones(1, np.bool_),
        pixels={0: image.astype(np.uint8, copy=False)},
        size=(image.shape[1], image.shape[0]),
        source=SourceFacts(frame_count=1, fps=0.0, duration_s=0.0),
    )
