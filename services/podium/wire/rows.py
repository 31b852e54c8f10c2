"""Rows of several calls as the tensors of one, and the rows of answers apart and together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.wire.tensors import Tensors, TensorSpec


def join_rows(parts: Sequence[Tensors]) -> dict[str, NDArray[Any]]:
    """Tensors with the rows (first dimension) of all parts, which have the same names."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def row_index_of(outputs: Iterable[TensorSpec]) -> str | None:
    """Name of the output that holds the input row of each of its rows; None: there is none."""
    return next((spec.name for spec in outputs if spec.is_row_index), None)


def join_outputs(
    parts: Sequence[tuple[int, Tensors]], row_index: str | None
) -> dict[str, NDArray[Any]]:
    """The outputs of all rows, from those of consecutive input rows.

    Args:
        parts: The first input row of each part, and its outputs.
        row_index: As for ``take_rows``.
    """
    if row_index is not None:
        parts = [(n, {**part, row_index: part[row_index] + n}) for n, part in parts]
    return join_rows([part for _, part in parts])


def take_rows(
    outputs: Tensors, start: int, stop: int, row_index: str | None
) -> dict[str, NDArray[Any]]:
    """The outputs of the input rows from ``start`` to ``stop``.

    Args:
        outputs: The outputs of all rows.
        start: First input row.
        stop: The one after the last.
        row_index: Name of the output that holds, for each row of the outputs, the number of its
            input row, which is then counted from ``start``; None: the outputs have one row for
            each input row, in order.
    """
    if row_index is None:
        return {name: array[start:stop] for name, array in outputs.items()}
    of = outputs[row_index]
    rows = np.flatnonzero((of >= start) & (of < stop))
    own = {name: array[rows] for name, array in outputs.items()}
    return own | {row_index: own[row_index] - start}
