"""One open video that can be decoded further from its position."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from av.video.frame import VideoFrame

from podium.media.containers import Source
from podium.media.packets import Numbered, PacketReader, frames_of
from podium.media.video_index import VideoIndex
from podium.types import Int64

_LATE_FRAMES = 4
"""If frames do not come in the order of their times, this many later ones may come first."""


class VideoDecoder:
    """Decodes ranges of frames; used by one thread at a time.

    The codec is drained only at the end of the video: until then, frames that it holds back belong
    to the next range.

    Args:
        source: The media.
        index: Its index.
        max_pixels: Larger frames are not decoded.
        threads: Threads of the codec; 0: as many as there are processors.

    Raises:
        UnsupportedMedia, Unprocessable: the video cannot be opened.
    """

    def __init__(self, source: Source, index: VideoIndex, *, max_pixels: int, threads: int) -> None:
        self._index = index
        self._threads = threads
        self._reader = PacketReader(source, index, max_pixels=max_pixels)
        self._packets: Numbered = iter(())
        self._ready: deque[tuple[int, VideoFrame]] = deque()  # decoded, not yet returned
        self._has_ended = True

    def close(self) -> None:
        """Close the file and drop the frames."""
        self._ready.clear()
        self._reader.close()

    def frames(self, ordinals: Int64, entry: int | None) -> Iterator[tuple[int, VideoFrame]]:
        """Decode frames, each with its ordinal; frames that do not decode are skipped.

        Args:
            ordinals: (N,) ascending, all in the file.
            entry: Number of the packet to start from; None: continue after the last range.
        """
        if entry is not None:
            self._start_at(entry)
        missing, last = set(ordinals.tolist()), int(ordinals[-1])
        beyond: list[tuple[int, VideoFrame]] = []
        try:
            while missing and len(beyond) <= _LATE_FRAMES:
                if not self._ready and not self._feed(missing, last):
                    return
                while self._ready:
                    ordinal, frame = self._ready.popleft()
                    if ordinal > last:
                        beyond.append((ordinal, frame))
                    elif ordinal in missing:
                        missing.discard(ordinal)
                        yield ordinal, frame
        finally:
            self._ready.extendleft(reversed(beyond))

    def _start_at(self, entry: int) -> None:
        self._ready.clear()
        self._packets = self._reader.read_from(entry)
        codec = self._reader.stream.codec_context
        if codec.is_open:
            codec.flush_buffers()
        else:
            codec.extradata = codec.extradata or self._index.header or None
            codec.thread_count = self._threads
            if self._threads != 1:
                codec.thread_type = "AUTO"
        self._has_ended = False

    def _feed(self, wanted: set[int], last: int) -> bool:
        """Decode the next packet, or drain the codec at the end; False: there is no more."""
        if self._has_ended:
            return False
        codec = self._reader.stream.codec_context
        number, packet = next(self._packets, (-1, None))
        self._has_ended = packet is None
        ordinal = int(self._index.ordinal[number])
        if self._index.skips and packet is not None:
            # Non-reference frames are decoded only if they are wanted now or by the next range.
            codec.skip_frame = "DEFAULT" if ordinal in wanted or ordinal > last else "NONREF"
        for shown, frame in frames_of(codec, [(number, packet)]):
            if shown not in self._index.damaged and not frame.is_corrupt:
                self._ready.append((int(self._index.ordinal[shown]), frame))
        return True
