"""Observers of the phases of a request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Observer(Protocol):
    """Told of the phases of one request.

    ``queue`` is the wait of a chunk for its turn. The others have the names of stage calls:
    ``decode``, ``detection`` (includes the crops of tiles), ``crop``, ``pose2d`` or ``pose3d``.
    """

    def phase(self, name: str, begin_s: float, end_s: float) -> None:
        """A phase has ended or failed; times are those of ``time.perf_counter``."""
        ...


class Timing:
    """Sums the stage calls of a request, and passes all phases on.

    Args:
        following: The next observer, if any.
    """

    def __init__(self, following: Observer | None = None) -> None:
        self._following = following
        self._total_s: dict[str, float] = {}
        self._calls: dict[str, int] = {}

    def phase(self, name: str, begin_s: float, end_s: float) -> None:
        """Count a phase and pass it on."""
        if self._following is not None:
            self._following.phase(name, begin_s, end_s)
        self._total_s[name] = self._total_s.get(name, 0.0) + end_s - begin_s
        self._calls[name] = self._calls.get(name, 0) + 1

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Stage -> total milliseconds and number of calls so far."""
        return {
            name: {"total": round(total_s * 1e3, 3), "calls": self._calls[name]}
            for name, total_s in self._total_s.items()
            if name != "queue"
        }


@contextmanager
def timed(observer: Observer, name: str) -> Iterator[None]:
    """Report the block to the observer as a phase."""
    begin_s = time.perf_counter()
    try:
        yield
    finally:
        observer.phase(name, begin_s, time.perf_counter())
