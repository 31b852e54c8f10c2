"""Identifies the packets of a video, and reads them from any packet on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import chain, islice
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from podium.media.containers import Source
from podium.media.video_index import PacketId, VideoIndex

Numbered = Iterator[tuple[int, "Packet[Any]"]]
"""Packets in decoding order, each with its number."""


def packet_id(packet: Packet[Any]) -> PacketId:
    """Identifies a packet within its stream, also after seeking."""
    return packet.pts, packet.dts, packet.pos


def packets_of(container: InputContainer, *streams: VideoStream) -> Iterator[Packet[Any]]:
    """The packets up to the end of the file, or to the first that cannot be read."""
    try:
        for packet in container.demux(*streams):
            if packet.size:
                yield packet
    except (av.FFmpegError, IndexError):  # PyAV fails at the end if new streams appeared
        return


def frames_of(
    codec: VideoCodecContext, packets: Iterable[tuple[int, Packet[Any] | None]]
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode numbered packets to frames, each with the number of its packet.

    ``None`` in place of a packet marks the end: the decoder returns its remaining frames.
    """
    codec.copy_opaque = True
    for number, packet in packets:
        if packet is not None:
            packet.opaque = (number,)  # a new object, as PyAV compares these by identity
        try:
            frames = codec.decode(packet)
        except av.FFmpegError:
            continue  # only this packet is lost
        for frame in frames:
            if isinstance(frame.opaque, tuple):
                yield frame.opaque[0], frame


class PacketReader:
    """Reads the packets of an indexed video from any packet on; close it after use.

    Raises:
        UnsupportedMedia, Unprocessable: the video cannot be opened.
    """

    def __init__(self, source: Source, index: VideoIndex, *, max_pixels: int) -> None:
        self._held = ExitStack()
        self._source = source.held(self._held)
        self._index = index
        self._max_pixels = max_pixels
        self._opened = ExitStack()
        self._open()

    @property
    def stream(self) -> VideoStream:
        """The stream; ``read_from`` may replace it."""
        return self._stream

    def close(self) -> None:
        """Close the file."""
        self._opened.close()
        self._held.close()

    def read_from(self, entry: int) -> Numbered:
        """Packets from number ``entry`` on: by seeking, or, if that fails, from the start."""
        if entry == 0:
            self._start_again()
            return enumerate(packets_of(self._container, self._stream))
        self._fresh = False
        with suppress(av.FFmpegError):
            self._container.seek(int(self._index.seek_time[entry]), stream=self._stream)
        packets = packets_of(self._container, self._stream)
        first = next(packets, None)
        found = None if first is None else self._index.number(packet_id(first))
        if first is not None and found is not None and found <= entry:
            return islice(enumerate(chain([first], packets), found), entry - found, None)
        self._start_again()
        return islice(enumerate(packets_of(self._container, self._stream)), entry, None)

    def _start_again(self) -> None:
        if not self._fresh:
            self._opened.close()
            self._open()
        self._fresh = False

    def _open(self) -> None:
        opened = self._source.open_video(self._max_pixels)
        self._container, self._stream = self._opened.enter_context(opened)
        self._fresh = True
