"""Decodes a range of frames of a video."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import numpy as np

from podium.decode.frames import Claim, DecodedFrames, Limits, select
from podium.errors import Unprocessable
from podium.media.capture_rate import slow_motion, slow_motion_note
from podium.media.codecs import Check, go_on
from podium.media.containers import Source
from podium.media.video import VideoReader
from podium.media.video_index import VideoIndex
from podium.types import FrameRange, SourceFacts
from podium.yuv import Picture


def decode_video(
    reader: VideoReader,
    source: Source,
    frames: FrameRange,
    limits: Limits,
    *,
    capture_fps: float | None = None,
    claim: Claim = lambda _: None,
    check: Check = go_on,
) -> DecodedFrames:
    """Decode a range of frames.

    Args:
        reader: The video reader.
        source: The media.
        frames: The range.
        limits: Checked before the first frame is decoded.
        capture_fps: Frames per second at which it was filmed, if it plays slower or faster;
            None: from its metadata.
        claim: Called with the bytes of the frames before they are decoded.
        check: Called between frames; ends the work by raising.

    Raises:
        UnsupportedMedia: the container or codec is not supported.
        Unprocessable: damaged, truncated before its first frame, or without video.
        TooLarge: over a limit.
        InvalidInput: the range starts beyond the end.
    """
    index = reader.index(source, check)
    width, height = index.size
    frame_bytes = reader.frame_bytes(index)
    ordinals = select(frames, index.frame_count, frame_bytes, limits)
    claim(len(index.present(ordinals)) * frame_bytes)
    pixels: dict[int, Picture] = {}
    fitted = 0
    with closing(reader.frames(source, index, ordinals, check)) as decoded:
        for frame in decoded:
            pixels[frame.ordinal] = frame.pixels
            fitted += frame.is_fitted
    slowed = slow_motion(index, capture_fps)
    notes = [*index.notes, *slow_motion_note(index, slowed, capture_fps)]
    if fitted:
        notes.append(f"frames that are not of {width}x{height} pixels were scaled to that")
    return DecodedFrames(
        frame_index=ordinals,
        time_s=index.times(ordinals) / slowed,
        frame_ok=np.isin(ordinals, list(pixels)),
        pixels=pixels,
        size=_shown_size(reader, source, index, pixels, check),
        source=SourceFacts(
            frame_count=index.frame_count,
            fps=index.fps * slowed,
            duration_s=index.duration_s / slowed,
            complete=index.complete,
            slow_motion=slowed,
            notes=tuple(notes),
        ),
    )


def _shown_size(
    reader: VideoReader,
    source: Source,
    index: VideoIndex,
    pixels: dict[int, Picture],
    check: Check,
) -> tuple[int, int]:
    """Width and height after rotation, from a decoded frame; decodes the first if there is none."""
    for image in pixels.values():
        return image.shape[1], image.shape[0]
    everything = np.arange(len(index.packet), dtype=np.int64)
    with closing(reader.frames(source, index, everything, check)) as frames:
        for frame in islice(frames, 1):
            return frame.pixels.shape[1], frame.pixels.shape[0]
    raise Unprocessable("none of its frames can be decoded", field=source.field)
