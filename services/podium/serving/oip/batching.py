"""The limits of batching."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Sizes of batches and of the queue of a batcher."""

    max_batch: int = 8  # rows per engine call
    max_delay_ms: float = 0.0  # how long an idle engine may wait for a fuller batch
    max_queue_rows: int = 512
    max_queue_bytes: int = 256 << 20
