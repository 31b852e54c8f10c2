"""The index of a video: which packet holds which frame.

Packets are in decoding order, frames are counted in presentation order. With B-frames the two
differ, so ordinals come from presentation times, and a frame is identified by the packet that it
was decoded from.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from podium.types import Bool, Float64, Int64

PacketId = tuple[int | None, int | None, int | None]
"""Presentation time, decoding time and position in the file."""

UNKNOWN = -(1 << 63)
"""In the place of ``None`` in arrays of packet ids, as in FFmpeg."""

RECOVERY_KEYS = 4
"""With intra refresh the picture is complete only some time after a "key frame": if decoding from
the nearest one fails, it starts this many key frames earlier."""


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """The packets (P) of a video stream in decoding order, and the frames (F) in them."""

    width: int  # of the stored frames
    height: int
    pixel_aspect: Fraction  # width of a pixel / its height
    time_base: Fraction  # unit of the container's times, seconds
    nominal_rate: Fraction  # frames per second that the container declares, or their average
    ids: Int64  # (P, 3) the PacketId of each packet; UNKNOWN: None
    seek_time: Int64  # (P,) time base units
    is_key: Bool  # (P,)
    ordinal: Int64  # (P,) ordinal of the packet's frame; -1: it has none
    packet: Int64  # (F,) first packet of each frame, presentation order
    time_s: Float64  # (F,) strictly ascending, from the first frame
    damaged: frozenset[int]  # numbers of damaged packets
    fps: float  # average frame rate; 0 for a single frame
    missing: int  # frames that the container declares beyond the end of the file
    complete: bool  # whether the file holds everything that it declares
    skips: bool  # whether the decoder may skip non-reference frames
    is_gradual: bool  # pictures are complete only some time after "key frames" (intra refresh)
    is_420: bool  # 8 bits, progressive, square pixels, even sides: frames are kept as stored
    header: bytes  # start of the first packet, which the decoder needs before any other packet
    capture_fps: float  # frames per second of filming, from the metadata; 0: unknown
    notes: tuple[str, ...]  # assumptions, as sentences for people

    def number(self, packet: PacketId) -> int | None:
        """Which packet this is; None: none that was seen."""
        return self._numbers.get(tuple(UNKNOWN if part is None else part for part in packet))

    @cached_property
    def _numbers(self) -> dict[tuple[int, ...], int]:
        rows = list(enumerate(map(tuple, self.ids.tolist())))
        return {row: number for number, row in reversed(rows)}

    @property
    def frame_count(self) -> int:
        """Number of frames, including missing ones."""
        return len(self.packet) + self.missing

    @property
    def duration_s(self) -> float:
        """Duration to the end of the last frame."""
        return float(self.time_s[-1]) + (self.missing + 1) / self.fps if self.fps else 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in square pixels, before rotation.

        As in players, the frame is made wider or narrower if pixels are not square.
        """
        return max(1, round(self.width * self.pixel_aspect)), self.height

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of decoded pixels: as stored where that is 4:2:0, else RGB."""
        return 1.5 if self.is_420 else 3.0

    def times(self, ordinals: Int64) -> Float64:
        """Presentation times (N,); missing frames follow at the average rate."""
        last = len(self.time_s) - 1
        beyond = np.maximum(ordinals - last, 0)
        times: Float64 = self.time_s[np.minimum(ordinals, last)]
        return times + beyond / self.fps if self.fps else times

    def present(self, ordinals: Int64) -> Int64:
        """The ``ordinals`` that are in the file."""
        return ordinals[ordinals < len(self.packet)]

    def sure_entry(self, ordinals: Int64) -> int:
        """A key packet from which all frames ``ordinals`` (N,), ascending, can be decoded."""
        entries = self.entries(ordinals)
        return entries[min(RECOVERY_KEYS, len(entries)) - 1] if self.is_gradual else entries[0]

    def entries(self, ordinals: Int64) -> list[int]:
        """Key packets from which the frames ``ordinals`` (ascending) may decode, nearest first.

        After a key frame there may be frames that are shown before it and refer to earlier ones
        (an open group of pictures): those decode only from an earlier key frame.
        """
        if not len(ordinals):
            return []
        first = int(self.packet[ordinals].min())
        keys = np.flatnonzero(self.is_key[: first + 1])
        keys = keys[self.ordinal[keys] <= ordinals[0]]
        return keys[::-1].tolist() or [0]
