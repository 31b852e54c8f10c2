"""READ FIRST: the video reader. Returns frames by ordinal, upright, in square pixels.

The packets of a video are indexed once (``video_scan``): which frame is in which packet, and when
it is shown. A range is decoded from the key frame before it, or by a decoder that an earlier range
left there (``open_decoders``). So the cost depends on the length of the range, not on its place.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Generator, Hashable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from podium.media.codecs import Check, Codecs, CodecsHere, OpenVideo, ReadFrame, VideoLimits, go_on
from podium.media.containers import Source
from podium.media.open_decoders import OpenDecoders, Wanted
from podium.media.video_index import RECOVERY_KEYS, VideoIndex
from podium.types import Int64

_INDEXES_KEPT = 4
"""Number of indexes to keep; the index of a two-hour video takes about 50 MB."""

_FRAMES_HELD = 8
"""Frames in the memory of a decoder: references, reordered frames, frames in work. Measured: 83 MB
with 3840x2160, 10 MB with 1280x720 (H.264, one thread), which are 7 frames."""

_BYTES_PER_PIXEL = 1.5  # 4:2:0


class VideoReader:
    """Reads videos; thread-safe. Decoders are closed with it.

    Args:
        max_pixels: Largest number of pixels per frame.
        max_duration_s: Longest video.
        threads: Threads per codec; 0: as many as there are processors.
        kept_bytes: Memory for decoders that are kept open for the next range; 0: none are kept.
        codecs: Where media are decoded; None: in this process.
    """

    def __init__(
        self,
        *,
        max_pixels: int,
        max_duration_s: float = math.inf,
        threads: int = 1,
        kept_bytes: int = 0,
        codecs: Codecs | None = None,
    ) -> None:
        self._limits = VideoLimits(max_pixels, max_duration_s, threads)
        self._codecs = codecs or CodecsHere()
        self._decoders = OpenDecoders(kept_bytes)
        self._indexes: OrderedDict[Hashable, VideoIndex] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the open decoders."""
        self._decoders.close()

    def index(self, source: Source, check: Check = go_on) -> VideoIndex:
        """The index of a video, made at the first call and kept.

        Args:
            source: The video.
            check: Ends the work by raising.

        Raises:
            UnsupportedMedia: a container or codec that is not read.
            Unprocessable: damaged, cut off before its first frame, or without video.
            TooLarge: longer or larger than allowed.
        """
        key = _identity(source)
        with self._lock:
            if key in self._indexes:
                self._indexes.move_to_end(key)
                return self._indexes[key]
        index = self._codecs.scan(source, self._limits, check)
        with self._lock:
            self._indexes[key] = index
            while len(self._indexes) > _INDEXES_KEPT:
                self._indexes.popitem(last=False)
        return index

    def frame_bytes(self, index: VideoIndex) -> int:
        """Memory of one frame."""
        width, height = index.size
        return round(width * height * index.bytes_per_pixel)

    def frames(
        self, source: Source, index: VideoIndex, ordinals: Int64, check: Check = go_on
    ) -> Generator[ReadFrame, None, None]:
        """Decode frames; close the generator if it is not used up.

        Args:
            source: The video.
            index: Its index.
            ordinals: (N,) ascending; those that are not in the file are skipped.
            check: Called between frames; ends the work by raising.

        Yields:
            The frames that can be decoded, in order.
        """
        ordinals = index.present(ordinals)
        if not len(ordinals):
            return
        entries = index.entries(ordinals)[:RECOVERY_KEYS]
        wanted = Wanted(
            key=_identity(source),
            first=int(ordinals[0]),
            last=int(ordinals[-1]),
            lead_in=max(0, int(index.packet[ordinals[0]]) - entries[0]),
            size_bytes=_held_bytes(source, index),
        )

        def open_video() -> OpenVideo:
            return self._codecs.open(source, index, self._limits)

        with self._decoders.use(wanted, open_video) as (video, goes_on):
            starts = [*([None] if goes_on else entries[:1]), *entries[-1:]]
            with closing(video.read(ordinals, list(dict.fromkeys(starts)), check)) as frames:
                yield from frames


def _identity(source: Source) -> Hashable:
    """Identifies media, and a version of a file.

    Not by its path: requests name open files by descriptor numbers, which are reused.
    """
    if isinstance(source.data, bytes):
        return hashlib.sha256(source.data).digest()
    data = source.data
    # One file may be read under several names.
    status = data.stat() if isinstance(data, Path) else os.fstat(data.descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _held_bytes(source: Source, index: VideoIndex) -> int:
    media = len(source.data) if isinstance(source.data, bytes) else 0
    return media + round(index.width * index.height * _BYTES_PER_PIXEL * _FRAMES_HELD)
