"""Which packet of a video holds which frame.

Packets lie in decoding order, frames are counted in presentation order. The two differ as soon as
there are B-frames, so ordinals come from presentation times, and a frame is recognised by the
packet that it was decoded from.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from podium.types import Bool, Float64, Int64

PacketId = tuple[int | None, int | None, int | None]
"""Presentation time, decoding time and place in the file."""

UNKNOWN = -(1 << 63)
"""In the place of ``None`` in arrays of packet ids, as in FFmpeg."""

RECOVERY_KEYS = 4
"""With intra refresh the picture is whole only some time after a "key frame": where the nearest one
gives nothing, decoding starts this many earlier."""


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """The packets (P) of a video stream in decoding order, and the frames (F) in them."""

    width: int  # of the frames as they are stored
    height: int
    pixel_aspect: Fraction  # width of a pixel / its height
    time_base: Fraction  # unit of the container's times, seconds
    nominal_rate: Fraction  # frames per second that the container declares, or their average
    ids: Int64  # (P, 3) the PacketId of each packet; UNKNOWN: None
    seek_time: Int64  # (P,) time base units
    is_key: Bool  # (P,)
    ordinal: Int64  # (P,) of the frame that the packet is part of; -1: of none
    packet: Int64  # (F,) where each frame begins, presentation order
    time_s: Float64  # (F,) strictly ascending, from the first one
    damaged: frozenset[int]  # packets
    fps: float  # average frame rate; 0 for a single frame
    missing: int  # frames that the container declares beyond the end of the file
    complete: bool  # whether the file holds all that it declares
    skips: bool  # whether the decoder may leave out frames that no other needs
    is_gradual: bool  # pictures become whole only some time after "key frames" (intra refresh)
    header: bytes  # what the decoder must have seen of the first packet, wherever it begins
    capture_fps: float  # frames per second at which it says that it was filmed; 0: nothing
    notes: tuple[str, ...]  # what was assumed, for people

    def number(self, packet: PacketId) -> int | None:
        """Which packet this is; None: none that was seen."""
        return self._numbers.get(tuple(UNKNOWN if part is None else part for part in packet))

    @cached_property
    def _numbers(self) -> dict[tuple[int, ...], int]:
        rows = list(enumerate(map(tuple, self.ids.tolist())))
        return {row: number for number, row in reversed(rows)}

    @property
    def frame_count(self) -> int:
        """All frames, the missing ones too."""
        return len(self.packet) + self.missing

    @property
    def duration_s(self) -> float:
        """Up to the end of the last frame."""
        return float(self.time_s[-1]) + (self.missing + 1) / self.fps if self.fps else 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in square pixels, before the frames are turned upright.

        As players do, pixels that are not square become so by making the frame wider or narrower.
        """
        return max(1, round(self.width * self.pixel_aspect)), self.height

    def times(self, ordinals: Int64) -> Float64:
        """Presentation times (N,); those of missing frames follow at the average rate."""
        last = len(self.time_s) - 1
        beyond = np.maximum(ordinals - last, 0)
        times: Float64 = self.time_s[np.minimum(ordinals, last)]
        return times + beyond / self.fps if self.fps else times

    def present(self, ordinals: Int64) -> Int64:
        """Those of the frames ``ordinals`` that are in the file."""
        return ordinals[ordinals < len(self.packet)]

    def sure_entry(self, ordinals: Int64) -> int:
        """A key packet from which all of the frames ``ordinals`` (N,), ascending, decode."""
        entries = self.entries(ordinals)
        return entries[min(RECOVERY_KEYS, len(entries)) - 1] if self.is_gradual else entries[0]

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
