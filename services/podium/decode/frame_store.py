"""Keeps decoded frames for a few seconds, until their crops have been requested.

Frames in use are never evicted: a request that wants to decode more waits for room instead. So
memory is bounded, and no work is done twice under load.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from podium.errors import FramesGone
from podium.yuv import Picture

_MOST_BATCHES = 512
"""Each may hold open files (``podium.containment.shared_memory``)."""

Pixels = Mapping[int, Picture]
"""frame_index -> frame."""


@dataclass(slots=True)
class _Batch:
    pixels: Pixels
    bytes: int
    expires_s: float


class Room:
    """Bytes of a store reserved for one batch; leaving the block returns them."""

    def __init__(self, store: FrameStore) -> None:
        self._store = store
        self._bytes = 0
        self._handle = ""
        self._abandoned = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._store.give_back(self._bytes)

    def claim(self, size: int) -> None:
        """Reserve ``size`` more bytes; waits until they fit or everything else is released.

        Raises:
            CancelledError: the room was abandoned.
        """
        self._store.wait_for(size, self._abandoned)
        self._bytes += size

    def keep(self, pixels: Pixels) -> str:
        """Keep the decoded frames and return their handle.

        Raises:
            CancelledError: the room was abandoned.
        """
        self._handle = self._store.put(pixels)
        if self._abandoned.is_set():  # if ``abandon`` came first, drop; else it drops the handle
            self._store.drop(self._handle)
            raise CancelledError
        return self._handle

    def check(self) -> None:
        """Raise CancelledError once the room was abandoned."""
        if self._abandoned.is_set():
            raise CancelledError

    def abandon(self) -> None:
        """The request was given up: drop its frames, and keep or reserve no more."""
        self._abandoned.set()
        self._store.drop(self._handle)


class FrameStore:
    """Batches of frames by an unguessable handle, up to 512. Thread-safe.

    Args:
        max_bytes: Limit of batches and reserved room together; one batch always fits.
        ttl_s: Batches are dropped this long after their last use.
    """

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._batches: dict[str, _Batch] = {}
        self._claimed = 0
        self._changed = threading.Condition()

    def room(self) -> Room:
        """Room for one batch, to enter while it is decoded."""
        return Room(self)

    def wait_for(self, size: int, abandoned: threading.Event) -> None:
        """Reserve ``size`` bytes when they fit; raises CancelledError once ``abandoned``."""
        with self._changed:
            while not abandoned.is_set():
                expiry_s = self._drop_expired()
                held = self._claimed + self._held()
                if held == 0 or (
                    held + size <= self._max_bytes and len(self._batches) < _MOST_BATCHES
                ):
                    self._claimed += size
                    return
                self._changed.wait(expiry_s)
        raise CancelledError

    def give_back(self, size: int) -> None:
        """Return reserved bytes."""
        with self._changed:
            self._claimed -= size
            self._changed.notify_all()

    def put(self, pixels: Pixels) -> str:
        """Keep a batch and return its handle."""
        size = sum(image.nbytes for image in pixels.values())
        handle = secrets.token_urlsafe(16)
        with self._changed:
            self._batches[handle] = _Batch(pixels, size, time.monotonic() + self._ttl_s)
        return handle

    def get(self, handle: str) -> Pixels:
        """The frames of a handle; their time to live starts again. Raises FramesGone."""
        with self._changed:
            self._drop_expired()
            batch = self._batches.get(handle)
            if batch is None:
                raise FramesGone(
                    f"handle: the frames are no longer here; they are kept for {self._ttl_s:g} s "
                    "after their last use, by the replica that decoded them: decode again"
                )
            batch.expires_s = time.monotonic() + self._ttl_s
            return batch.pixels

    def drop(self, handle: str) -> None:
        """Drop a batch, if it is still here, and wake the threads that wait for room."""
        with self._changed:
            self._batches.pop(handle, None)
            self._changed.notify_all()

    @property
    def bytes(self) -> int:
        """Bytes of the kept frames."""
        with self._changed:
            self._drop_expired()
            return self._held()

    def _held(self) -> int:
        return sum(batch.bytes for batch in self._batches.values())

    def _drop_expired(self) -> float | None:
        """Drop expired batches; returns the seconds until the next one expires, if any."""
        now = time.monotonic()
        for handle in [h for h, batch in self._batches.items() if batch.expires_s <= now]:
            del self._batches[handle]
        expiries = [batch.expires_s - now for batch in self._batches.values()]
        return min(expiries, default=None)
