"""The result of decoding, and the selection of the frames of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from podium.errors import InvalidInput, TooLarge
from podium.types import Bool, Float64, FrameRange, Int64, SourceFacts
from podium.yuv import Picture

CHANNELS = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request, checked before any frame is decoded."""

    max_pixels: int  # per frame
    max_frames: int
    max_batch_bytes: int  # of decoded frames


@dataclass(frozen=True, slots=True)
class DecodedFrames:
    """Frames of a source, in presentation order."""

    frame_index: Int64  # (N,)
    time_s: Float64  # (N,)
    frame_ok: Bool  # (N,)
    pixels: dict[int, Picture]  # frame_index -> frame, only of the frames that are ok
    size: tuple[int, int]  # width, height in square pixels, after rotation
    source: SourceFacts


Claim = Callable[[int], None]
"""Called with the bytes of the frames before they are decoded; may wait until there is room."""


def select(frames: FrameRange, frame_count: int, frame_bytes: int, limits: Limits) -> Int64:
    """The ordinals (N,) of a range, cut at the end of the source and at the limits.

    A caller that gets fewer frames than the source has asks again from there.

    Raises:
        InvalidInput: the range starts beyond the end.
        TooLarge: not even one frame is within the limits.
    """
    if frames.start >= frame_count:
        raise InvalidInput(
            f"is {frames.start}, but the media has {frame_count} frame(s), numbered from 0",
            field="start",
        )
    affordable = min(limits.max_frames, limits.max_batch_bytes // frame_bytes)
    available = len(range(frames.start, frame_count, frames.step))
    wanted = min(available, affordable, frames.count or affordable)
    if affordable == 0:
        raise TooLarge(f"one frame of {frame_bytes} bytes is over the limits", field="media")
    return frames.start + frames.step * np.arange(wanted, dtype=np.int64)
