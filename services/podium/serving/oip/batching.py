"""The limits of batching, as a client may know them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much a batcher takes on."""

    max_batch: int = 8  # rows per engine call
    max_delay_ms: float = 0.0  # how long an idle engine may wait for a fuller batch
    max_queue_rows: int = 512
    max_queue_bytes: int = 256 << 20
