"""Batching as a client may know it: limits, and what each batch took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much a batcher takes on."""

    max_batch: int = 8  # rows per engine call
    max_delay_ms: float = 0.0  # how long an idle engine may wait for a fuller batch
    max_queue_rows: int = 512
    max_queue_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Execution:
    """One batch that the engine has answered."""

    rows: int
    refused_rows: int
    requests: int  # that have rows in it
    new_requests: int  # that have their first row in it
    engine_calls: int  # more than one where the engine refused rows
    join_s: float
    infer_s: float
    scatter_s: float


class BatchObserver(Protocol):
    """Is told what a batcher does, on the event loop."""

    def queued(self, seconds: float) -> None:
        """A request has waited so long for its first row to be taken."""
        ...

    def executed(self, execution: Execution) -> None:
        """A batch is done; its requests are answered next."""
        ...
