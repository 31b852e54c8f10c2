"""What was read a moment ago, for what is asked many times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key, each for a short time; one object for all threads.

    Args:
        for_s: For how long.
    """

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._values: dict[int, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def of(self, key: int, read: Callable[[], T]) -> T:
        """The value, read anew where it is too old. Raises what ``read`` raises."""
        with self._lock:
            known = self._values.get(key)
        if known is not None and time.monotonic() - known[0] < self._for_s:
            return known[1]
        at, value = time.monotonic(), read()
        with self._lock:
            recent = {k: v for k, v in self._values.items() if at - v[0] < self._for_s}
            self._values = {**recent, key: (at, value)}
        return value
