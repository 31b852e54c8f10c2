"""Parts of a local video as videos of their own, without decoding and encoding again.

An excerpt holds the packets from the key frame that its first frame needs to its last one, copied
as they are. So a gateway that cannot read the file gets the bytes of one batch, not of the video.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from podium.errors import Unprocessable
from podium.media.containers import HEAD_BYTES, Source
from podium.media.video_index import VideoIndex, packet_id, packets_of, scan
from podium.schemas.results import PipelineResult
from podium.types import Int64

_MAX_PIXELS = 1 << 28
_TICK = Fraction(1, 25)
"""Excerpts run at a made-up rate; their frames get their true times back in ``restore``."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Frames ``start`` to ``start + count`` of the video and what leads to them."""

    data: bytes
    media_type: str
    start: int  # in the excerpt
    count: int


class LocalVideo:
    """A video file that is sent in excerpts; open while entered.

    Raises:
        PodiumError: it is not a video that Podium reads.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        self._opened = Source(path, head).open_video(_MAX_PIXELS)

    def __enter__(self) -> Self:
        self._container, self._stream = self._opened.__enter__()
        self._index: VideoIndex = scan(self._container, self._stream)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.__exit__(kind, error, traceback)

    @property
    def frame_count(self) -> int:
        """Frames that are in the file."""
        return len(self._index.packet)

    def cut(self, start: int, count: int) -> Excerpt:
        """Copy out the packets of some frames.

        Raises:
            Unprocessable: these packets do not make a video of their own.
        """
        frames = np.arange(start, min(start + count, self.frame_count), dtype=np.int64)
        first = self._index.entries(frames)[0]
        last = int(self._index.packet[frames].max())
        packets = self._read(first, last)
        ordinals = self._index.ordinal[[number for number, _ in packets]]
        # Frames that follow the key frame but are shown before it need what was cut off.
        kept = (ordinals < 0) | (ordinals >= self._index.ordinal[first])
        rank: Int64 = np.argsort(np.argsort(ordinals[kept], kind="stable"), kind="stable")
        shown = [packet for (_, packet), keep in zip(packets, kept, strict=True) if keep]
        data, media_type = _mux(self._stream, shown, rank)
        return Excerpt(data, media_type, int((ordinals[kept] < start).sum()), len(frames))

    def restore(self, result: PipelineResult, start: int) -> PipelineResult:
        """Give the answer to an excerpt the frame numbers and times of the video."""
        numbers = start + np.arange(len(result.frames), dtype=np.int64)
        frames = [
            frame.model_copy(update={"index": number, "time_s": time_s})
            for frame, number, time_s in zip(
                result.frames, numbers.tolist(), self._index.times(numbers).tolist(), strict=True
            )
        ]
        source = result.source.model_copy(
            update={
                "fps": self._index.fps,
                "frame_count": self.frame_count,  # without those that a cut-off file declares
                "duration_s": self._index.duration_s,
                "complete": self._index.complete,
            }
        )
        return result.model_copy(update={"frames": frames, "source": source})

    def _read(self, first: int, last: int) -> list[tuple[int, Packet[VideoStream]]]:
        for target in (int(self._index.seek_time[first]), int(self._index.seek_time.min())):
            self._container.seek(target, stream=self._stream, backward=True, any_frame=False)
            found: list[tuple[int, Packet[VideoStream]]] = []
            for packet in packets_of(self._container, self._stream):
                number = self._index.number.get(packet_id(packet), -1)
                if first <= number <= last:
                    found.append((number, packet))
                if number >= last:
                    break
            if len(found) == last - first + 1:
                return found
        raise Unprocessable("its packets are not found again after seeking", field="media")


def _mux(stream: VideoStream, packets: list[Packet[VideoStream]], rank: Int64) -> tuple[bytes, str]:
    """Write packets, in decoding order, of frames that are shown in the order ``rank``."""
    iso = "mp4" in stream.container.format.name
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="mov" if iso else "matroska") as container:
            copy = container.add_stream_from_template(stream)
            delay = int((np.arange(len(rank)) - rank).max(initial=0))
            for position, (packet, shown) in enumerate(zip(packets, rank.tolist(), strict=True)):
                packet.stream = copy
                packet.time_base = _TICK
                packet.pts, packet.dts, packet.duration = shown, position - delay, 1
                container.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        raise Unprocessable(f"cannot be cut into parts ({error})", field="media") from None
    return file.getvalue(), "video/quicktime" if iso else "video/x-matroska"
