"""What a video is: looked at once, before any frame is worked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podium.errors import TooLarge, Unprocessable
from podium.media.containers import HEAD_BYTES, Source
from podium.media.picture_header import is_picture, picture_size
from podium.media.video_index import scan

_PICTURE_HEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What a video may be; the decode service has limits of its own."""

    max_pixels: int = 40_000_000
    max_duration_s: float = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the packets of a video say; it is not decoded."""

    frame_count: int
    fps: float
    width: int
    height: int
    duration_s: float
    warnings: tuple[str, ...] = ()


def probe(path: Path, limits: ProbeLimits = ProbeLimits()) -> Facts:
    """Look at a local video or picture.

    Raises:
        UnsupportedMedia: a container or codec that is not read.
        Unprocessable: damaged, cut off, or without video.
        TooLarge: over a limit.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if is_picture(head):
            width, height = picture_size(head + file.read(_PICTURE_HEAD_BYTES))
            _check_pixels(width, height, limits)
            return Facts(1, 0.0, width, height, 0.0)
    with Source(path, head).open_video(limits.max_pixels) as (container, stream):
        width, height = stream.codec_context.width, stream.codec_context.height
        _check_pixels(width, height, limits)
        index = scan(container, stream)
    if index.duration_s > limits.max_duration_s:
        raise TooLarge(
            f"is {index.duration_s:.0f} s long; at most {limits.max_duration_s:.0f} s are taken",
            field="media",
        )
    warnings = () if index.complete else ("the file ends before the frames that it declares",)
    return Facts(index.frame_count, index.fps, width, height, index.duration_s, warnings)


def _check_pixels(width: int, height: int, limits: ProbeLimits) -> None:
    if not width or not height:
        raise Unprocessable("says no size of its frames", field="media")
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"is {width}x{height}; at most {limits.max_pixels} pixels per frame are taken",
            field="media",
        )
