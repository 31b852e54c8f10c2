"""Measures how one call of an adapter divides into its own code and its engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from podium.engines.session import Session, SessionFactory
from podium.serving.observing.phases import EnginePhases
from podium.wire import TensorSpec

T = TypeVar("T")


class _EngineClock(threading.local):
    first_start: float | None = None
    busy_s: float = 0.0


_clock = _EngineClock()


class TimedSession:
    """A session that measures, per thread, how long the engine runs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Input tensors of the weights."""
        return self._session.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Output tensors of the weights."""
        return self._session.outputs

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute every output."""
        started = time.perf_counter()
        if _clock.first_start is None:
            _clock.first_start = started
        try:
            return self._session.run(feeds)
        finally:
            _clock.busy_s += time.perf_counter() - started


def timed_sessions(open_session: SessionFactory) -> SessionFactory:
    """Make ``open_session`` return timed sessions."""

    def open_timed(weights: Path) -> Session:
        return TimedSession(open_session(weights))

    return open_timed


def timed(run: Callable[[], T]) -> tuple[T, EnginePhases]:
    """Run a batch and measure it: before, within and after the calls of a timed session.

    Without such a call, all of the time counts as inference.
    """
    _clock.first_start, _clock.busy_s = None, 0.0
    started = time.perf_counter()
    result = run()
    total_s = time.perf_counter() - started
    if _clock.first_start is None:
        return result, EnginePhases(0.0, total_s, 0.0)
    before_s = _clock.first_start - started
    return result, EnginePhases(before_s, _clock.busy_s, total_s - before_s - _clock.busy_s)
