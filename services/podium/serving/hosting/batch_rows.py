"""Rows of requests: joined to a batch, run through an engine, handed back to their requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from podium.errors import PodiumError, Unprocessable
from podium.wire import Tensors
from podium.wire.rows import join_outputs, join_rows, take_rows

Run = Callable[[Tensors], dict[str, NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Outputs of one request.

    Failed rows hold NaN (0 in whole numbers). Where outputs name their input row (``row_index``),
    failed rows are missing instead.
    """

    outputs: dict[str, NDArray[Any]]
    failed: dict[int, str]  # row -> reason


@dataclass(eq=False, slots=True, kw_only=True)
class RequestRows:
    """The rows of one request, and the outputs so far.

    Attributes:
        inputs: The rows.
        count: Number of rows.
        row_index: Name of the output that holds, for each row of the outputs, the number of its
            input row; None: the outputs have one row for each input row, in order.
    """

    inputs: Tensors
    count: int
    row_index: str | None
    finished: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    _parts: list[tuple[int, dict[str, NDArray[Any]]]] = field(default_factory=list)

    def add(self, row: int, outputs: dict[str, NDArray[Any]]) -> None:
        """Take the outputs of consecutive rows; ``row`` is the number of the first."""
        self._parts.append((row, outputs))

    def result(self) -> BatchResult:
        """All outputs in order. Raises Unprocessable when the engine refused every row."""
        if len(self.failed) == self.count:
            row, reason = next(iter(self.failed.items()))
            raise Unprocessable(f"row {row}: the engine refuses it ({reason})")
        parts = sorted(self._parts, key=lambda part: part[0])
        if len(parts) == 1 and not self.failed:
            outputs = parts[0][1]
        elif self.row_index is None:
            outputs = {name: _placed(name, parts, self.count) for name in parts[0][1]}
        else:
            outputs = join_outputs(parts, self.row_index)
        return BatchResult(outputs, dict(sorted(self.failed.items())))


Rows = TypeVar("Rows", bound=RequestRows)


@dataclass(frozen=True, slots=True)
class Slice(Generic[Rows]):
    """Consecutive rows of one request within a batch."""

    of: Rows
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def join(batch: Sequence[Slice[Rows]]) -> Tensors:
    """The inputs of a batch: the rows of its slices, concatenated."""
    return join_rows([take_rows(p.of.inputs, p.start, p.stop, None) for p in batch])


Piece = tuple[int, int, dict[str, NDArray[Any]] | str]
"""First row, number of rows, and the outputs or the reason why there are none."""


def run_or_halve(run: Run, inputs: Tensors, first: int = 0) -> list[Piece]:
    """Run a batch; if the engine refuses it, run its halves, down to the single rows at fault.

    Args:
        run: The engine.
        inputs: The rows.
        first: Number of the first row.
    """
    rows = len(next(iter(inputs.values())))
    try:
        return [(first, rows, run(inputs))]
    except Exception as error:  # engines may raise anything
        if rows == 1:
            reason = error.message if isinstance(error, PodiumError) else str(error)
            return [(first, 1, reason.splitlines()[0][:300] if reason else type(error).__name__)]
    half = rows // 2
    low = {name: array[:half] for name, array in inputs.items()}
    high = {name: array[half:] for name, array in inputs.items()}
    return run_or_halve(run, low, first) + run_or_halve(run, high, first + half)


def deal_out(batch: Sequence[Slice[Rows]], pieces: Sequence[Piece]) -> None:
    """Give each request of a batch its rows of the outputs."""
    whole = len(batch) == len(pieces) == 1
    offset = 0  # of the part within the batch
    for part in batch:
        end = offset + len(part)
        for first, rows, outputs in pieces:
            low, high = max(first, offset), min(first + rows, end)
            if low >= high:
                continue
            row = part.start + low - offset
            if isinstance(outputs, str):
                part.of.failed[row] = outputs
            else:
                index = part.of.row_index
                own = outputs if whole else take_rows(outputs, low - first, high - first, index)
                part.of.add(row, own)
        part.of.finished += len(part)
        offset = end


def _placed(name: str, parts: list[tuple[int, dict[str, NDArray[Any]]]], rows: int) -> NDArray[Any]:
    sample = parts[0][1][name]
    missing = np.nan if sample.dtype.kind == "f" else 0
    placed = np.full((rows, *sample.shape[1:]), missing, sample.dtype)
    for first, part in parts:
        placed[first : first + len(part[name])] = part[name]
    return placed
