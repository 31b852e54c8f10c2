"""Decoders kept open, so that a range goes on where the one before it ended.

Where key frames are far apart, every range that is decoded from its key frame decodes what others
have decoded before it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from podium.media.codecs import OpenVideo

_OPEN_COST = 4
"""To open a file anew costs about as much as to decode so many frames."""

_WAIT_SHARE = 4
"""To wait for a decoder that is at work is worth it where it saves a quarter of the range."""

_IDLE_S = 30.0


@dataclass(eq=False, slots=True)
class Wanted:
    """A range that somebody wants to decode."""

    key: Hashable  # of the media
    first: int  # frame
    last: int
    lead_in: int  # frames to decode before the first where the nearest key frame is the start
    size_bytes: int  # what a decoder of this media holds


@dataclass(eq=False, slots=True)
class _Slot:
    wanted: Wanted  # last, or now
    decoder: OpenVideo | None = None
    is_busy: bool = True
    used_s: float = field(default_factory=time.monotonic)

    @property
    def position(self) -> int:
        """The frame that follows the range."""
        return self.wanted.last + 1


class OpenDecoders:
    """The decoders that were used last. Thread-safe.

    Args:
        max_bytes: What idle ones may hold together, by estimate; 0: none is kept.
        most: How many idle ones are kept.
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
        """The decoder that gets to a range with the least work, for the caller alone.

        That may be one that is at work on the range before: then it is waited for.

        Yields:
            The decoder, and whether to go on where it stands rather than from a key frame.
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
        """Close the idle ones."""
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
            self._changed.notify_all()  # this one's position is another now
            return best, goes_on

    def _best(self, wanted: Wanted) -> tuple[_Slot | None, bool]:
        """The decoder with the least work (None: a new one), and whether others have it now."""
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
