"""Who is told how long the phases of a request take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Observer(Protocol):
    """Is told of the phases of one request.

    ``queue`` is the wait of a chunk for its turn; the others are called as the calls of stages:
    ``decode``, ``detection`` (with its crops of tiles), ``crop``, ``pose2d`` or ``pose3d``.
    """

    def phase(self, name: str, begin_s: float, end_s: float) -> None:
        """A phase has ended, with success or not; times are those of ``time.perf_counter``."""
        ...


class Timing:
    """Sums the stage calls of a request, and tells somebody else of all phases.

    Args:
        following: Who else is told.
    """

    def __init__(self, following: Observer | None = None) -> None:
        self._following = following
        self._total_s: dict[str, float] = {}
        self._calls: dict[str, int] = {}

    def phase(self, name: str, begin_s: float, end_s: float) -> None:
        """Count a phase."""
        if self._following is not None:
            self._following.phase(name, begin_s, end_s)
        self._total_s[name] = self._total_s.get(name, 0.0) + end_s - begin_s
        self._calls[name] = self._calls.get(name, 0) + 1

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Stage -> total milliseconds and number of calls, up to now."""
        return {
            name: {"total": round(total_s * 1e3, 3), "calls": self._calls[name]}
            for name, total_s in self._total_s.items()
            if name != "queue"
        }


@contextmanager
def timed(observer: Observer, name: str) -> Iterator[None]:
    """The block is a phase."""
    begin_s = time.perf_counter()
    try:
        yield
    finally:
        observer.phase(name, begin_s, time.perf_counter())
