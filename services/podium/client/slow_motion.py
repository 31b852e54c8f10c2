"""Computes the capture rate of a local video from its slow-motion factor."""

from __future__ import annotations

from pathlib import Path

from podium.errors import InvalidInput
from podium.media.containers import HEAD_BYTES, Source
from podium.media.frame_times import usual_rate
from podium.media.picture_header import is_picture
from podium.media.video import VideoReader


def capture_fps_of(video: Path, slowmo: float) -> float:
    """Frames per second of filming.

    Args:
        video: The file.
        slowmo: Slow-motion factor: playback is this many times slower than real time.

    Raises:
        PodiumError: it is not a video that Podium reads.
    """
    with video.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if is_picture(head):
        raise InvalidInput("is for videos; this is a picture", field="--slowmo")
    index = VideoReader(max_pixels=1 << 28).index(Source(video, head))
    if not usual_rate(index.time_s):
        raise InvalidInput("is for videos; this one has a single frame", field="--slowmo")
    return slowmo * usual_rate(index.time_s)
