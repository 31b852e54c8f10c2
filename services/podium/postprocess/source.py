"""Reads frames of the source picture or video by ordinal, upright, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from podium.errors import NotFound
from podium.media.codecs import Check, Codecs, CodecsHere, go_on
from podium.media.containers import HEAD_BYTES
from podium.media.containers import Source as Container
from podium.media.frame_sizes import check_size
from podium.media.picture_header import is_picture, picture_size
from podium.media.video import VideoReader
from podium.types import Int64
from podium.yuv import Picture

_PICTURE_HEADER_BYTES = 4 << 20
"""Bytes in which the size is searched for; colour profiles and previews may come before it."""

_FAR_FRAMES = 32
"""For a gap of more frames it may be cheaper to seek than to read on."""

_KEPT_BYTES = 1 << 30
"""Large enough to keep one decoder open from picture to picture, for frames of any size."""


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """One decoded frame, upright."""

    ordinal: int
    time_s: float  # presentation time, from the first frame
    picture: Picture  # may be drawn on


class Source(Protocol):
    """A picture or a video."""

    fps: Fraction  # 0 for a picture
    time_base: Fraction

    def frames(self, ordinals: Int64, check: Check = go_on) -> Iterator[SourceFrame]:
        """The frames ``ordinals`` (N,), ascending; missing and undecodable ones are skipped.

        ``check`` is called between them; it ends the work by raising.
        """
        ...


def open_source(
    path: Path, *, max_pixels: int, codecs: Codecs | None = None, check: Check = go_on
) -> Source:
    """Open a local picture or video.

    Args:
        path: The file.
        max_pixels: Largest number of pixels of a frame.
        codecs: Decode the file; None: those of this process.
        check: Ends the work by raising.

    Raises:
        UnsupportedMedia: it is neither a picture nor a video.
        Unprocessable: it is damaged or truncated.
        TooLarge: frames have more than ``max_pixels``.
        NotFound: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if is_picture(head):
                head += file.read(_PICTURE_HEADER_BYTES)
    except OSError as error:
        raise NotFound(f"source: cannot be read ({error.strerror})") from error
    if is_picture(head):
        size = picture_size(head, field="source")
        return _Picture(path, size, max_pixels, codecs or CodecsHere())
    return _Video(Container(path, head, field="source"), max_pixels, codecs, check)


class _Picture:
    fps = Fraction(0)
    time_base = Fraction(1, 1000)

    def __init__(self, path: Path, size: tuple[int, int], max_pixels: int, codecs: Codecs) -> None:
        check_size(*size, max_pixels, field="source")
        self._path = path
        self._codecs = codecs

    def frames(self, ordinals: Int64, check: Check = go_on) -> Iterator[SourceFrame]:
        if 0 not in ordinals:
            return
        read = self._codecs.picture(self._path.read_bytes(), "source", check)
        yield SourceFrame(0, 0.0, read.pixels)


class _Video:
    def __init__(
        self, source: Container, max_pixels: int, codecs: Codecs | None, check: Check
    ) -> None:
        self._source = source
        self._reader = VideoReader(
            max_pixels=max_pixels, threads=0, kept_bytes=_KEPT_BYTES, codecs=codecs
        )
        self._index = self._reader.index(source, check)
        self.fps = self._index.nominal_rate
        self.time_base = self._index.time_base

    def frames(self, ordinals: Int64, check: Check = go_on) -> Iterator[SourceFrame]:
        times = self._index.times(ordinals)
        time_of = dict(zip(ordinals.tolist(), times.tolist(), strict=True))
        with self._reader:
            for run in np.split(ordinals, np.flatnonzero(np.diff(ordinals) > _FAR_FRAMES) + 1):
                read = self._reader.frames(self._source, self._index, run, check)
                with closing(read) as frames:
                    for frame in frames:
                        yield SourceFrame(frame.ordinal, time_of[frame.ordinal], frame.pixels)
