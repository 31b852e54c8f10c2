"""Which packet of a video holds which frame: read from the packets, without decoding them.

Packets lie in decoding order, frames are counted in presentation order. The two differ as soon as
there are B-frames, so ordinals come from presentation times, and a frame is recognised by the
packet that it was decoded from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from podium.errors import Unprocessable
from podium.types import Bool, Float64, Int64

PacketId = tuple[int | None, int | None, int | None]

_UNTIMED = {("avi", "h264"), ("avi", "hevc")}
"""AVI stores no presentation times, and for these FFmpeg does not restore them: the order of the
frames is known only after decoding them all."""

_SLACK_S = 0.1
"""How much earlier than declared a Matroska file may end: the last packets may lack a duration."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoIndex:
    """The packets (P) of a video stream in decoding order, and the frames (F) in them."""

    width: int  # of the frames as they are stored
    height: int
    number: dict[PacketId, int]  # of each packet
    seek_time: Int64  # (P,) time base units
    is_key: Bool  # (P,)
    ordinal: Int64  # (P,) of the frame in the packet; -1: it is not shown
    packet: Int64  # (F,) of each frame, presentation order
    time_s: Float64  # (F,) from the first one
    damaged: frozenset[int]  # packets
    fps: float  # average frame rate; 0 for a single frame
    missing: int  # frames that the container declares beyond the end of the file
    complete: bool  # whether the file holds all that it declares

    @property
    def frame_count(self) -> int:
        """All frames, the missing ones too."""
        return len(self.packet) + self.missing

    @property
    def duration_s(self) -> float:
        """Up to the end of the last frame."""
        return float(self.time_s[-1]) + (self.missing + 1) / self.fps if self.fps else 0.0

    def times(self, ordinals: Int64) -> Float64:
        """Presentation times (N,); those of missing frames follow at the average rate."""
        last = len(self.time_s) - 1
        beyond = np.maximum(ordinals - last, 0)
        times: Float64 = self.time_s[np.minimum(ordinals, last)]
        return times + beyond / self.fps if self.fps else times

    def entries(self, ordinals: Int64) -> list[int]:
        """Key packets from which the frames ``ordinals`` (ascending) decode, nearest first.

        A key frame may be followed by frames that are shown before it and need its predecessors
        (an open group of pictures): those decode only from an earlier key frame.
        """
        if not len(ordinals):
            return []
        first = int(self.packet[ordinals].min())
        keys = np.flatnonzero(self.is_key[: first + 1])
        keys = keys[self.ordinal[keys] <= ordinals[0]]
        return keys[::-1].tolist() or [0]


def packet_id(packet: Packet[Any]) -> PacketId:
    """What tells a packet from the others of its stream, also after seeking."""
    return packet.pts, packet.dts, packet.pos


def packets_of(container: InputContainer, *streams: VideoStream) -> Iterator[Packet[Any]]:
    """The packets up to the end of the file, or to where it cannot be read on."""
    try:
        for packet in container.demux(*streams):
            if packet.size:
                yield packet
    except (av.FFmpegError, IndexError):  # PyAV stumbles at the end if streams appeared meanwhile
        return


def frames_of(
    codec: VideoCodecContext, packets: Iterable[tuple[int, Packet[Any]]]
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode numbered packets to frames, each with the number of its packet."""
    codec.copy_opaque = True
    for number, packet in packets:
        packet.opaque = (number,)  # PyAV tells these objects apart by identity: no shared integers
        try:
            for frame in codec.decode(packet):
                yield cast(tuple[int], frame.opaque)[0], frame
        except av.FFmpegError:
            continue  # this packet is lost, not those after it
    try:
        for frame in codec.decode(None):
            yield cast(tuple[int], frame.opaque)[0], frame
    except av.FFmpegError:
        return


def scan(container: InputContainer, stream: VideoStream) -> VideoIndex:
    """Read all packets of a freshly opened container.

    Raises:
        Unprocessable: there are no frames in it.
    """
    codec = stream.codec_context
    seen = _Seen()
    packets = seen.watch(packets_of(container), stream)
    shown_order: Int64 | None = None
    if (container.format.name, codec.name) in _UNTIMED:
        shown_order = np.array([number for number, _ in frames_of(codec, enumerate(packets))])
    else:
        for _ in packets:
            pass
    if not seen.ids:
        raise Unprocessable("has no frames in it", field="media")

    dts = _filled([dts if dts is not None else pts for pts, dts, _ in seen.ids])
    pts = _filled([pts if pts is not None else dts for pts, dts, _ in seen.ids])
    seek_time = np.minimum(pts, dts)
    if container.format.name == "mpegts":
        pts = pts + _joins(dts)
    is_hidden = np.array(seen.is_hidden)
    if shown_order is None:
        order = np.argsort(pts, kind="stable")
        shown_order = order[~is_hidden[order]]
        times = pts[shown_order]
    else:
        times = np.sort(dts[shown_order])
    if not len(shown_order):
        raise Unprocessable("has no frames in it", field="media")
    ordinal = np.full(len(pts), -1, np.int64)
    ordinal[shown_order] = np.arange(len(shown_order))
    time_s = (times - times[0]) * float(stream.time_base or 0)

    declared = len(stream.index_entries) if "mp4" in container.format.name else len(pts)
    missing = max(0, declared - len(pts))
    declared_s = (container.duration or 0) / av.time_base
    ends_early = "matroska" in container.format.name and seen.end_s + _SLACK_S < declared_s
    return VideoIndex(
        width=codec.width,
        height=codec.height,
        number={id_: number for number, id_ in reversed(list(enumerate(seen.ids)))},
        seek_time=seek_time,
        is_key=np.array(seen.is_key),
        ordinal=ordinal,
        packet=shown_order,
        time_s=time_s,
        fps=_frame_rate(stream, time_s, missing),
        damaged=frozenset(np.flatnonzero(seen.is_damaged).tolist()),
        missing=missing,
        complete=not (missing or ends_early or seen.is_damaged[-1]),
    )


class _Seen:
    """What is kept of the packets of one stream while all streams go by."""

    def __init__(self) -> None:
        self.ids: list[PacketId] = []
        self.is_key: list[bool] = []
        self.is_damaged: list[bool] = []
        self.is_hidden: list[bool] = []
        self.end_s = 0.0  # of the last packet of any stream

    def watch(self, packets: Iterable[Packet[Any]], stream: VideoStream) -> Iterator[Packet[Any]]:
        for packet in packets:
            if packet.pts is not None and packet.time_base is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self.end_s = max(self.end_s, float(end))
            if packet.stream_index != stream.index:
                continue
            self.ids.append(packet_id(packet))
            self.is_key.append(packet.is_keyframe)
            self.is_damaged.append(packet.is_corrupt)
            self.is_hidden.append(packet.is_discard)
            yield packet


def _frame_rate(stream: VideoStream, time_s: Float64, missing: int) -> float:
    if missing:  # B-frames are among them, so that the times have gaps at the end
        return float(stream.average_rate or 0)
    return float((len(time_s) - 1) / time_s[-1]) if time_s[-1] > 0 else 0.0


def _filled(times: list[int | None]) -> Int64:
    """Times without gaps: a packet without any is one unit after its predecessor."""
    filled: list[int] = []
    for time in times:
        filled.append(time if time is not None else (filled[-1] + 1 if filled else 0))
    return np.array(filled, np.int64)


def _joins(dts: Int64) -> Int64:
    """What to add to times where recordings were joined and the clock starts again."""
    steps = np.diff(dts, prepend=dts[:1])
    usual = int(np.median(steps[steps > 0])) if (steps > 0).any() else 0
    return np.cumsum(np.where(steps < 0, usual - steps, 0))
