"""Makes the index of a video from its packets; if they are not enough, by decoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from podium.errors import Unprocessable
from podium.media.capture_rate import declared_capture_fps
from podium.media.coded_pictures import (
    Shown,
    is_gradual,
    is_key,
    may_be_packed,
    mpeg4_header,
    packet_reader,
)
from podium.media.containers import Source
from podium.media.frame_times import filled, joins, spread
from podium.media.packets import frames_of, packet_id, packets_of
from podium.media.upright import YUV_FORMATS
from podium.media.video_index import UNKNOWN, PacketId, VideoIndex
from podium.media.video_streams import video_streams
from podium.types import Float64, Int64
from podium.yuv import matrix_of

_UNTIMED = {("avi", "h264"), ("avi", "hevc")}
"""AVI stores no presentation times, and for these codecs FFmpeg does not restore them: the order of
the frames is known only after decoding all of them."""

_SLACK_S = 0.1
"""A Matroska file may end this much earlier than declared: the last packets may lack a duration."""

_PROBED_PACKETS = 48
"""Packets decoded to detect B-frames; encoders put some between any two references."""

_PROGRESSIVE = (0, 1)
"""FFmpeg's AVFieldOrder: not said, progressive. The two fields of other frames share no chroma."""

_WIDEST = 8
"""Larger ratios of a pixel's sides are errors in the header."""


def scan(source: Source, container: InputContainer, stream: VideoStream) -> VideoIndex:
    """Read all packets of a freshly opened container.

    Raises:
        Unprocessable: there are no frames.
    """
    codec = stream.codec_context
    format_name = container.format.name
    seen = _Seen(stream)
    packets = seen.watch(packets_of(container))
    shown_order: Int64 | None = None
    if (format_name, codec.name) in _UNTIMED:
        shown_order = _decoded_order(stream, packets)
    else:
        for _ in packets:
            pass
        if seen.may_be_packed or (codec.reorder_depth and _is_silent_about_order(source, seen)):
            with source.open_video(codec.width * codec.height) as (again, its_stream):
                shown_order = _decoded_order(its_stream, packets_of(again, its_stream))
    if not seen.ids:
        raise Unprocessable("has no frames in it", field=source.field)

    dts = filled([dts if dts is not None else pts for pts, dts, _ in seen.ids])
    pts = filled([pts if pts is not None else dts for pts, dts, _ in seen.ids])
    seek_time = np.minimum(pts, dts)
    if format_name == "mpegts":
        pts = pts + joins(dts)
    by_decoding = shown_order is not None
    if shown_order is None:
        order = np.argsort(pts, kind="stable")
        shown_order = order[np.array(seen.shows)[order] == Shown.FRAME]
        ticks = pts[shown_order]
    else:
        ticks = np.sort((dts if format_name == "avi" else pts)[shown_order])
    if not len(shown_order):
        raise Unprocessable("has no frames in it", field=source.field)
    ordinal = np.full(len(pts), -1, np.int64)
    ordinal[shown_order] = np.arange(len(shown_order))
    for number in np.flatnonzero(np.array(seen.shows) == Shown.REST).tolist():
        ordinal[number] = ordinal[number - 1]
    spread_ticks, equal = spread(ticks)
    time_s = (spread_ticks - spread_ticks[0]) * float(stream.time_base or 0)

    declared = len(stream.index_entries) if "mp4" in format_name else len(pts)
    # A last packet that is cut off before its picture begins shows nothing, but would.
    whole = len(pts) - (seen.is_damaged[-1] and seen.shows[-1] == Shown.NOTHING)
    missing = round(max(0, declared - whole) * len(shown_order) / whole)
    declared_s = (container.duration or 0) / av.time_base
    ends_early = "matroska" in format_name and seen.end_s + _SLACK_S < declared_s
    return VideoIndex(
        width=codec.width,
        height=codec.height,
        pixel_aspect=_pixel_aspect(stream),
        time_base=stream.time_base or Fraction(1, 90_000),
        nominal_rate=stream.average_rate or stream.guessed_rate or Fraction(30),
        ids=np.array([[UNKNOWN if n is None else n for n in id_] for id_ in seen.ids], np.int64),
        seek_time=seek_time,
        is_key=np.array(seen.is_key) & (np.array(seen.shows) != Shown.REST),
        ordinal=ordinal,
        packet=shown_order,
        time_s=time_s,
        fps=_frame_rate(stream, time_s, missing),
        damaged=frozenset(np.flatnonzero(seen.is_damaged).tolist()),
        missing=missing,
        complete=not (missing or ends_early or seen.is_damaged[-1]),
        # Decoders from external libraries (lib...) read the option only when they are opened.
        skips=not by_decoding and not codec.name.startswith("lib"),
        is_gradual=seen.is_gradual,
        is_420=(
            codec.pix_fmt in YUV_FORMATS
            and _pixel_aspect(stream) == 1
            and codec.width % 2 == codec.height % 2 == 0
            and codec.field_order in _PROGRESSIVE
        ),
        header=seen.header if seen.may_be_packed else b"",
        capture_fps=declared_capture_fps(source, container, stream),
        notes=tuple(_notes(container, stream, equal)),
    )


class _Seen:
    """Records the packets of one stream while all streams are read."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._read = packet_reader(stream.codec_context)
        self.width, self.height = stream.codec_context.width, stream.codec_context.height
        self._is_mpeg4 = stream.codec_context.name == "mpeg4"
        self.ids: list[PacketId] = []
        self.is_key: list[bool] = []
        self.is_damaged: list[bool] = []
        self.shows: list[Shown] = []
        self.end_s = 0.0  # end of the last packet of any stream
        self.may_be_packed = False
        self.is_gradual = False
        self.header = b""

    def watch(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        for packet in packets:
            if packet.pts is not None and packet.time_base is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self.end_s = max(self.end_s, float(end))
            if packet.stream_index != self._stream.index:
                continue
            self.ids.append(packet_id(packet))
            self.is_key.append(is_key(packet, self._stream.codec_context))
            self.is_damaged.append(packet.is_corrupt)
            shows = self._read(packet)
            self.shows.append(Shown.NOTHING if packet.is_discard else shows)
            if self._is_mpeg4:
                self.header = self.header or mpeg4_header(packet)
                self.may_be_packed = self.may_be_packed or may_be_packed(packet)
            if packet.is_keyframe and not self.is_gradual:
                self.is_gradual = is_gradual(packet, self._stream.codec_context)
            yield packet


def _is_silent_about_order(source: Source, seen: _Seen) -> bool:
    """Whether frames are reordered although times ascend: the file has no presentation times."""
    known = [pts for pts, _, _ in seen.ids if pts is not None]
    if known != sorted(known):
        return False
    with source.open_video(seen.width * seen.height) as (container, stream):
        beginning = islice(packets_of(container, stream), _PROBED_PACKETS)
        return bool((np.diff(_decoded_order(stream, beginning)) < 0).any())


def _decoded_order(stream: VideoStream, packets: Iterable[Packet[Any]]) -> Int64:
    """The first packets of the frames, in the order in which the decoder returns the frames."""

    def to_the_end() -> Iterator[tuple[int, Packet[Any] | None]]:
        yield from enumerate(packets)
        yield -1, None

    shown = (number for number, _ in frames_of(stream.codec_context, to_the_end()))
    return np.array(list(dict.fromkeys(shown)), np.int64)


def _pixel_aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio
    return aspect if aspect and Fraction(1, _WIDEST) <= aspect <= _WIDEST else Fraction(1)


def _frame_rate(stream: VideoStream, time_s: Float64, missing: int) -> float:
    if missing:  # some are B-frames, so the times have gaps at the end
        return float(stream.average_rate or 0)
    return float((len(time_s) - 1) / time_s[-1]) if time_s[-1] > 0 else 0.0


def _notes(container: InputContainer, stream: VideoStream, equal: int) -> Iterator[str]:
    others = len(video_streams(container)) - 1
    if others:
        size = f"{stream.codec_context.width}x{stream.codec_context.height}"
        yield (
            f"there are {others + 1} video streams; the one of {size}, number {stream.index} in "
            "the file, was taken"
        )
    colours = int(stream.codec_context.colorspace)
    if matrix_of(colours) != colours:
        yield (
            f"its colours are stored in an unusual way (matrix {colours} of ITU-T H.273); they are "
            "read as those of BT.601, so they may look wrong"
        )
    if equal:
        yield (
            f"{equal} frame(s) have the time stamp of the frame before; they were spread up to the "
            "next one, so speeds are unsure there"
        )
