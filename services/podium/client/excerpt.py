"""Cuts parts of a local video into separate videos, without decoding or encoding.

An excerpt holds unchanged packets: from the key frame before its first frame to its last frame. So
a gateway that cannot read the file receives the bytes of one batch, not of the whole video.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from podium.errors import Unprocessable
from podium.media.capture_rate import slow_motion, slow_motion_note
from podium.media.containers import HEAD_BYTES, Source
from podium.media.packets import PacketReader
from podium.media.video import VideoReader
from podium.schemas.results import UNDECODABLE, FrameResult, PipelineResult
from podium.types import Int64

_MAX_PIXELS = 1 << 28
_TICK = Fraction(1, 25)
"""Excerpts run at a made-up rate; their frames get their true times back in ``restore``."""


_NOT_IN_MOV = frozenset({"av1", "libdav1d", "vp9"})
"""Codecs that MP4 takes and QuickTime does not."""


_ONLY_IN_AVI = frozenset(
    {"dvvideo", "ffvhuff", "h263", "huffyuv", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2"}
)
"""Codecs without B-frames that FFmpeg writes to AVI alone: it stores no presentation times."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some frames of a video, with the packets that are needed to decode them."""

    data: bytes
    media_type: str
    start: int  # the first of these frames, in the excerpt
    count: int


class LocalVideo:
    """A local video file that is cut into excerpts; open while entered.

    Args:
        path: The file.
        capture_fps: Frames per second of filming; None: as in its metadata.

    Raises:
        PodiumError: it is not a video that Podium reads.
    """

    def __init__(self, path: Path, *, capture_fps: float | None = None) -> None:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        self._source = Source(path, head)
        self._capture_fps = capture_fps

    def __enter__(self) -> Self:
        self._index = VideoReader(max_pixels=_MAX_PIXELS).index(self._source)
        self._slowed = slow_motion(self._index, self._capture_fps)
        self._packets = PacketReader(self._source, self._index, max_pixels=_MAX_PIXELS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._packets.close()

    @property
    def frame_count(self) -> int:
        """Number of frames by the header, also of a file that is cut off."""
        return self._index.frame_count

    def cut(self, start: int, count: int) -> Excerpt:
        """Copy the packets of ``count`` frames from ``start`` on, as far as the file holds them.

        If the file holds none of them, the excerpt has the last frame of the file.

        Raises:
            Unprocessable: these packets do not make a video of their own.
        """
        index = self._index
        frames = self._present(start, count)
        if not len(frames):
            frames = np.array([len(index.packet) - 1])
        first = index.sure_entry(frames)
        last = int(np.flatnonzero(np.isin(index.ordinal, frames)).max())
        numbers = np.arange(first, last + 1)
        if index.skips:  # packets stand for themselves
            # Frames that are shown before the key frame need what was cut off.
            ordinals = index.ordinal[numbers]
            earliest = min(int(index.ordinal[first]), int(frames[0]))
            numbers = numbers[(ordinals < 0) | (ordinals >= earliest)]
        found = islice(self._packets.read_from(first), last - first + 1)
        kept = set(numbers.tolist())
        packets = [packet for number, packet in found if number in kept]
        if len(packets) != len(numbers):
            raise Unprocessable("its packets are not found again after seeking", field="media")
        # Equal ordinals are of the two fields of one frame.
        order = np.lexsort((numbers, index.ordinal[numbers]))
        if index.header:
            packets[0] = _with_header(packets[0], index.header)
        data, media_type = _mux(self._packets.stream, packets, np.argsort(order))
        where = np.searchsorted(numbers, index.packet[frames])
        return Excerpt(data, media_type, self._start_in(data, where), len(frames))

    def restore(self, result: PipelineResult, start: int, count: int) -> PipelineResult:
        """Turn the answer to an excerpt into the answer for ``count`` frames of the video.

        Frames get their numbers and times in the video. Frames that are missing or damaged in the
        file have the status ``decode_error``.
        """
        index = self._index
        numbers = np.arange(start, min(start + count, index.frame_count), dtype=np.int64)
        times = (index.times(numbers) / self._slowed).tolist()
        present = len(self._present(start, count))
        frames = []
        for place, (number, time_s) in enumerate(zip(numbers.tolist(), times, strict=True)):
            if place < present and int(index.packet[number]) not in index.damaged:
                answered = result.frames[place]
                frames.append(answered.model_copy(update={"index": number, "time_s": time_s}))
            else:
                frames.append(
                    FrameResult(
                        index=number, time_s=time_s, status="decode_error", error=UNDECODABLE
                    )
                )
        source = result.source.model_copy(
            update={
                "fps": index.fps * self._slowed,
                "frame_count": index.frame_count,
                "duration_s": index.duration_s / self._slowed,
                "complete": index.complete,
                "slow_motion": self._slowed,
            }
        )
        notes = [
            *index.notes,
            *slow_motion_note(index, self._slowed, self._capture_fps),
            *result.degraded,
        ]
        return result.model_copy(update={"frames": frames, "source": source, "degraded": notes})

    def _present(self, start: int, count: int) -> Int64:
        return self._index.present(np.arange(start, start + count, dtype=np.int64))

    def _start_in(self, data: bytes, where: Int64) -> int:
        """The ordinal, in an excerpt, of the first of the frames that its packets ``where`` hold.

        Raises:
            Unprocessable: readers of the excerpt do not find these frames one after the other.
        """
        made = VideoReader(max_pixels=_MAX_PIXELS).index(Source(data, data[:HEAD_BYTES]))
        if len(made.ordinal) > int(where.max()) and made.size == self._index.size:
            ordinals = made.ordinal[where]
            if ordinals[0] >= 0 and (np.diff(ordinals) == 1).all():
                return int(ordinals[0])
        raise Unprocessable("cannot be cut into parts", field="media")


def _with_header(packet: Packet[Any], header: bytes) -> Packet[Any]:
    """The first packet of an excerpt, with what decoders need of the video's first packet."""
    made: Packet[Any] = Packet(header + bytes(packet))
    made.is_keyframe = packet.is_keyframe
    return made


def _mux(stream: VideoStream, packets: list[Packet[Any]], rank: Int64) -> tuple[bytes, str]:
    """Write packets, in decoding order, that are shown in the order ``rank``.

    Raises:
        Unprocessable: the container does not take them.
    """
    codec, is_iso = stream.codec_context.name, "mp4" in stream.container.format.name
    if is_iso:
        name, media_type = ("mp4" if codec in _NOT_IN_MOV else "mov"), "video/quicktime"
    elif codec in _ONLY_IN_AVI:
        name, media_type = "avi", "video/x-msvideo"
    else:
        name, media_type = "matroska", "video/x-matroska"
    try:
        return _muxed(name, stream, packets, rank), media_type
    except (av.FFmpegError, ValueError) as error:
        raise Unprocessable(f"cannot be cut into parts ({error})", field="media") from None


def _muxed(name: str, stream: VideoStream, packets: list[Packet[Any]], rank: Int64) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=name) as container:
        copy = container.add_stream_from_template(stream, opaque=True)
        delay = int((np.arange(len(rank)) - rank).max(initial=0))
        for position, (packet, shown) in enumerate(zip(packets, rank.tolist(), strict=True)):
            packet.stream = copy
            packet.time_base = _TICK
            packet.pts, packet.dts, packet.duration = shown, position - delay, 1
            container.mux(packet)
    return file.getvalue()
