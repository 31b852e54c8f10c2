"""Examines a video before any frame is processed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podium.errors import TooLarge
from podium.media.codecs import Codecs
from podium.media.containers import HEAD_BYTES, Source
from podium.media.picture_header import is_picture, picture_size
from podium.media.video import VideoReader

_PICTURE_HEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """Limits of a video; the decode service has its own limits, too."""

    max_pixels: int = 40_000_000
    max_duration_s: float = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of a video from its packets, without decoding."""

    frame_count: int
    fps: float
    width: int
    height: int
    duration_s: float
    warnings: tuple[str, ...] = ()


def probe(path: Path, limits: ProbeLimits = ProbeLimits(), codecs: Codecs | None = None) -> Facts:
    """Examine a local video or picture.

    Args:
        path: The file.
        limits: Its limits.
        codecs: Read its packets; None: those of this process.

    Raises:
        UnsupportedMedia: the container or codec is not supported.
        Unprocessable: damaged, truncated, or without video.
        TooLarge: over a limit.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if is_picture(head):
            return _picture(head + file.read(_PICTURE_HEAD_BYTES), limits)
    reader = VideoReader(
        max_pixels=limits.max_pixels, max_duration_s=limits.max_duration_s, codecs=codecs
    )
    with reader:
        index = reader.index(Source(path, head))
    warnings = list(index.notes)
    if not index.complete:
        warnings.append("the file ends before the frames that it declares")
    width, height = index.size
    return Facts(index.frame_count, index.fps, width, height, index.duration_s, tuple(warnings))


def _picture(data: bytes, limits: ProbeLimits) -> Facts:
    width, height = picture_size(data)
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"is {width}x{height}; at most {limits.max_pixels} pixels are taken", field="media"
        )
    return Facts(1, 0.0, width, height, 0.0)
