"""A cache for values that are read many times per second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key, each kept for a short time. Thread-safe.

    Args:
        for_s: How long a value is kept.
    """

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._values: dict[int, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def of(self, key: int, read: Callable[[], T]) -> T:
        """The value of a key, read again if it is too old. Raises what ``read`` raises."""
        with self._lock:
            known = self._values.get(key)
        if known is not None and time.monotonic() - known[0] < self._for_s:
            return known[1]
        at, value = time.monotonic(), read()
        with self._lock:
            recent = {k: v for k, v in self._values.items() if at - v[0] < self._for_s}
            self._values = {**recent, key: (at, value)}
        return value
