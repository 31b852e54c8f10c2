"""Long batches in pieces of as many rows as an engine takes at once."""

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
    """Compute every output, for as many rows as the first dimension of the feeds has."""
    rows = len(next(iter(feeds.values())))
    pieces = [
        run({name: feed[start : start + max_rows] for name, feed in feeds.items()})
        for start in range(0, rows, max_rows)
    ]
    names = [spec.name for spec in outputs]
    if not pieces:
        return {spec.name: spec.zeros(0)[:0] for spec in outputs}  # also where rows are fixed
    if len(pieces) == 1:
        return dict(zip(names, pieces[0], strict=True))
    joined = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return dict(zip(names, joined, strict=True))
