"""Decoded frames kept for a few seconds, until their crops have been asked for."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from podium.errors import FramesGone
from podium.types import UInt8

Pixels = Mapping[int, UInt8]
"""frame_index -> (H, W, 3) RGB."""


@dataclass(slots=True)
class _Batch:
    pixels: Pixels
    bytes: int
    expires_s: float


class FrameStore:
    """Batches of frames by an unguessable handle. Thread-safe.

    Args:
        max_bytes: The least recently used batches are dropped beyond this.
        ttl_s: Batches are dropped this long after their last use.
    """

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._batches: OrderedDict[str, _Batch] = OrderedDict()  # least recently used first
        self._lock = threading.Lock()

    def put(self, pixels: Pixels) -> str:
        """Keep a batch, which must fit the cap, and return its handle."""
        size = sum(image.nbytes for image in pixels.values())
        handle = secrets.token_urlsafe(16)
        with self._lock:
            self._drop_for(size)
            self._batches[handle] = _Batch(pixels, size, time.monotonic() + self._ttl_s)
        return handle

    def get(self, handle: str) -> Pixels:
        """The frames behind a handle, kept for a full term from now. Raises FramesGone."""
        with self._lock:
            self._drop_for(0)
            batch = self._batches.get(handle)
            if batch is None:
                raise FramesGone(
                    f"handle: the frames are no longer here; they are kept for {self._ttl_s:g} s "
                    "after their last use, by the replica that decoded them: decode again"
                )
            self._batches.move_to_end(handle)
            batch.expires_s = time.monotonic() + self._ttl_s
            return batch.pixels

    def drop(self, handle: str) -> None:
        """Let go of a batch, if it is still here."""
        with self._lock:
            self._batches.pop(handle, None)

    @property
    def bytes(self) -> int:
        """Bytes of the frames that are kept."""
        with self._lock:
            return sum(batch.bytes for batch in self._batches.values())

    def _drop_for(self, size: int) -> None:
        """Drop what has expired, then the least recently used until ``size`` bytes fit."""
        now = time.monotonic()
        held = size + sum(batch.bytes for batch in self._batches.values())
        while self._batches:
            handle, oldest = next(iter(self._batches.items()))
            if oldest.expires_s > now and held <= self._max_bytes:
                return
            held -= oldest.bytes
            del self._batches[handle]
