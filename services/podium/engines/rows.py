"""Splits long batches into pieces of at most ``max_rows`` rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.wire import TensorSpec

RunPiece = Callable[[Mapping[str, NDArray[Any]]], Sequence[NDArray[Any]]]
"""Computes every output, in the order of the graph."""


def run_in_pieces(
    run: RunPiece,
    feeds: Mapping[str, NDArray[Any]],
    outputs: Sequence[TensorSpec],
    max_rows: int,
) -> dict[str, NDArray[Any]]:
    """Compute every output for all rows (first dimension) of the feeds."""
    names = [spec.name for spec in outputs]
    rows = len(next(iter(feeds.values())))
    if not rows:
        return {spec.name: spec.zeros(0)[:0] for spec in outputs}  # also where rows are fixed
    whole: list[NDArray[Any]] = []
    for start in range(0, rows, max_rows):
        piece = run({name: feed[start : start + max_rows] for name, feed in feeds.items()})
        if rows <= max_rows:
            return dict(zip(names, piece, strict=True))
        # Copied at once, while it is in the processor's cache, so that its memory is reused.
        whole = whole or [np.empty((rows, *part.shape[1:]), part.dtype) for part in piece]
        for values, part in zip(whole, piece, strict=True):
            values[start : start + len(part)] = part
    return dict(zip(names, whole, strict=True))
