"""Examines a video before any frame is processed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podium.errors import TooLarge

if TYPE_CHECKING:
    from podium.media.codecs import Codecs

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


class Probe:
    """Examines videos and pictures. Thread-safe.

    What reads videos takes 40 MB of memory; it is loaded with the first one.

    Args:
        limits: Limits of a video.
        codecs: Makes what reads its packets; None: this process does.
    """

    def __init__(
        self, limits: ProbeLimits = ProbeLimits(), codecs: Callable[[], Codecs] | None = None
    ) -> None:
        self._limits, self._make = limits, codecs
        self._codecs: Codecs | None = None
        self._making = threading.Lock()

    def __call__(self, path: Path) -> Facts:
        """Examine a local video or picture.

        Raises:
            UnsupportedMedia: the container or codec is not supported.
            Unprocessable: damaged, truncated, or without video.
            TooLarge: over a limit.
        """
        from podium.media.containers import HEAD_BYTES, Source
        from podium.media.picture_header import is_picture
        from podium.media.video import VideoReader

        limits = self._limits
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if is_picture(head):
                return _picture(head + file.read(_PICTURE_HEAD_BYTES), limits)
        reader = VideoReader(
            max_pixels=limits.max_pixels,
            max_duration_s=limits.max_duration_s,
            codecs=self._there(),
        )
        with reader:
            index = reader.index(Source(path, head))
        warnings = list(index.notes)
        if not index.complete:
            warnings.append("the file ends before the frames that it declares")
        width, height = index.size
        return Facts(index.frame_count, index.fps, width, height, index.duration_s, tuple(warnings))

    def close(self) -> None:
        """End the processes that read videos."""
        with self._making:
            if self._codecs is not None:
                self._codecs.close()

    def _there(self) -> Codecs | None:
        with self._making:
            if self._codecs is None and self._make is not None:
                self._codecs = self._make()
            return self._codecs


def _picture(data: bytes, limits: ProbeLimits) -> Facts:
    from podium.media.picture_header import picture_size

    width, height = picture_size(data)
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"is {width}x{height}; at most {limits.max_pixels} pixels are taken", field="media"
        )
    return Facts(1, 0.0, width, height, 0.0)
