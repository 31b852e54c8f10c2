"""Divides the rows of a stage call, so that no request is too large for the service."""

from __future__ import annotations

from collections.abc import Iterator

_MAX_CALL_BYTES = 32 << 20


def slices(rows: int, row_bytes: int) -> Iterator[slice]:
    """Consecutive slices of ``rows``, each of at most 32 MiB but at least one row."""
    size = max(1, _MAX_CALL_BYTES // max(1, row_bytes))
    return (slice(first, min(first + size, rows)) for first in range(0, rows, size))
