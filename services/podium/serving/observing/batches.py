"""What a batcher tells of its work, and who listens."""

from __future__ import annotations

from dataclasses import dataclass

from podium.serving.observing.phases import EnginePhases
from podium.serving.observing.request_context import RequestContext


@dataclass(frozen=True, slots=True)
class Execution:
    """One batch that the engine has answered."""

    rows: int
    refused_rows: int
    requests: tuple[RequestContext, ...]  # that have rows in it
    new_requests: int  # that have their first row in it
    engine_calls: int  # more than one where the engine refused rows
    join_s: float
    infer_s: float
    scatter_s: float
    phases: EnginePhases


class BatchObserver:
    """Is told, on the event loop, what a batcher does; what it does not override is ignored."""

    def refused(self, reason: str) -> None:
        """A request was not taken on, or was given up in the queue."""

    def waiting(self, rows: int, size: int) -> None:
        """So many rows and bytes are in the queue now."""

    def queued(self, request: RequestContext, seconds: float) -> None:
        """A request has waited this long for its first row to be taken."""

    def executed(self, execution: Execution) -> None:
        """A batch is done; its requests are answered next."""


class BatchObservers(BatchObserver):
    """Passes everything on to several observers, in order."""

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
