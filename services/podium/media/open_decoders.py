"""Keeps decoders open, so that a range continues where the previous range ended.

Otherwise each range starts at the key frame before it and, if key frames are rare, decodes many
frames again that other ranges have decoded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from podium.media.codecs import OpenVideo

_OPEN_COST = 4
"""Opening a file costs about as much as decoding this many frames."""

_WAIT_SHARE = 4
"""Waiting for a busy decoder must save at least 1 / this of the range."""

_IDLE_S = 30.0


@dataclass(eq=False, slots=True)
class Wanted:
    """A range to decode."""

    key: Hashable  # identifies the media
    first: int  # frame
    last: int
    lead_in: int  # frames from the nearest key frame to the first frame
    size_bytes: int  # memory of a decoder of this media


@dataclass(eq=False, slots=True)
class _Slot:
    wanted: Wanted  # the last or the current range
    decoder: OpenVideo | None = None
    is_busy: bool = True
    used_s: float = field(default_factory=time.monotonic)

    @property
    def position(self) -> int:
        """The frame after the range."""
        return self.wanted.last + 1


class OpenDecoders:
    """The recently used decoders. Thread-safe.

    Args:
        max_bytes: Limit of the estimated memory of idle decoders; 0: none are kept.
        most: Largest number of idle decoders.
    """

    def __init__(self, max_bytes: int, most: int = 8) -> None:
        self._max_bytes = max_bytes
        self._most = most
        self._slots: list[_Slot] = []
        self._waiting: list[Wanted] = []
        self._changed = threading.Condition()

    @contextmanager
    def use(
        self, wanted: Wanted, make: Callable[[], OpenVideo]
    ) -> Iterator[tuple[OpenVideo, bool]]:
        """The decoder that reaches a range with the least work, for exclusive use.

        If that one is still at work on the range before, this waits for it.

        Yields:
            The decoder, and whether to continue from its position instead of a key frame.
        """
        slot, goes_on = self._take(wanted)
        is_usable = False
        try:
            if slot.decoder is None:
                slot.decoder = make()
            yield slot.decoder, goes_on
            is_usable = True
        except GeneratorExit:
            is_usable = True
            raise
        finally:
            self._give_back(slot, is_usable)

    def close(self) -> None:
        """Close the idle decoders."""
        with self._changed:
            gone = [slot for slot in self._slots if not slot.is_busy]
            self._slots = [slot for slot in self._slots if slot.is_busy]
        _close(gone)

    def _take(self, wanted: Wanted) -> tuple[_Slot, bool]:
        with self._changed:
            self._waiting.append(wanted)
            try:
                while True:
                    best, is_taken = self._best(wanted)
                    if not is_taken:
                        break
                    self._changed.wait()
            finally:
                self._waiting.remove(wanted)
            goes_on = False
            if best is None:
                best = _Slot(wanted)
                self._slots.append(best)
            else:
                gap = wanted.first - best.position
                goes_on = 0 <= gap <= wanted.lead_in
                best.wanted, best.is_busy = wanted, True
            self._changed.notify_all()  # the position of this decoder has changed
            return best, goes_on

    def _best(self, wanted: Wanted) -> tuple[_Slot | None, bool]:
        """The decoder with the least work (None: a new one), and whether it is busy."""
        best, least, is_others = None, wanted.lead_in + _OPEN_COST, False
        wait_cost = 1 + (wanted.last - wanted.first) // _WAIT_SHARE
        for slot in self._slots:
            if slot.wanted.key != wanted.key:
                continue
            gap = wanted.first - slot.position
            is_taken = slot.is_busy
            if not is_taken:
                for other in self._waiting:
                    if other.key == wanted.key and slot.position <= other.first < wanted.first:
                        is_taken, gap = True, wanted.first - other.last - 1
            if is_taken:
                cost = gap + wait_cost if gap >= 0 else least
            else:
                cost = min(gap if gap >= 0 else least, wanted.lead_in + 1)
            if cost < least:
                best, least, is_others = slot, cost, is_taken
        return best, is_others

    def _give_back(self, slot: _Slot, is_usable: bool) -> None:
        with self._changed:
            slot.is_busy = False
            slot.used_s = time.monotonic()
            gone = [] if is_usable else [slot]
            idle = [s for s in self._slots if not s.is_busy and s not in gone]
            idle.sort(key=lambda s: s.used_s, reverse=True)
            held = 0
            for place, kept in enumerate(idle):
                held += kept.wanted.size_bytes
                is_stale = slot.used_s - kept.used_s > _IDLE_S
                if place >= self._most or held > self._max_bytes or is_stale:
                    gone.append(kept)
            self._slots = [s for s in self._slots if s not in gone]
            self._changed.notify_all()
        _close(gone)


def _close(slots: list[_Slot]) -> None:
    for slot in slots:
        if slot.decoder is not None:
            slot.decoder.close()
