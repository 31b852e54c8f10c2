"""The events of a batcher, and its observers."""

from __future__ import annotations

from dataclasses import dataclass

from podium.serving.observing.phases import EnginePhases
from podium.serving.observing.request_context import RequestContext


@dataclass(frozen=True, slots=True)
class Execution:
    """One batch that the engine has run."""

    rows: int
    refused_rows: int
    requests: tuple[RequestContext, ...]  # those that have rows in the batch
    new_requests: int  # those whose first row is in the batch
    engine_calls: int  # more than one where the engine refused rows
    join_s: float
    infer_s: float
    scatter_s: float
    phases: EnginePhases


class BatchObserver:
    """Receives the events of a batcher, on the event loop; by default it ignores them."""

    def refused(self, reason: str) -> None:
        """A request was refused, or dropped from the queue."""

    def waiting(self, rows: int, size: int) -> None:
        """The queue now holds ``rows`` rows of ``size`` bytes."""

    def queued(self, request: RequestContext, seconds: float) -> None:
        """The first row of a request left the queue after ``seconds``."""

    def executed(self, execution: Execution) -> None:
        """A batch is done; its requests are answered next."""


class BatchObservers(BatchObserver):
    """Passes all events on to several observers, in order."""

    def __init__(self, *observers: BatchObserver) -> None:
        self._observers = observers

    def refused(self, reason: str) -> None:
        for observer in self._observers:
            observer.refused(reason)

    def waiting(self, rows: int, size: int) -> None:
        for observer in self._observers:
            observer.waiting(rows, size)

    def queued(self, request: RequestContext, seconds: float) -> None:
        for observer in self._observers:
            observer.queued(request, seconds)

    def executed(self, execution: Execution) -> None:
        for observer in self._observers:
            observer.executed(execution)
