"""The tidy CSV files: RFC 4180, empty where there is no value.

``keypoints.csv`` has a row per person, frame and key point:

=============================== ==================================================================
``frame, time_s``               ordinal in the source, seconds from its start
``person``                      number over the whole clip
``keypoint``                    name in the skeleton
``x_px, y_px, score``           from the model
``x_m, y_m, z_m``               from the model, camera axes, from the middle of the hips
``x_filtered_px, y_filtered_px`` outliers removed, short gaps filled, smoothed
``x_filtered_m ... z_filtered_m`` likewise
``filled``                      1: interpolated, not measured on this frame
=============================== ==================================================================

``biomechanics.csv`` has a row per person, frame, ``kind`` and ``name``, and a column per quantity:
``Measure.place`` gives the place of each series in it. ``measures.csv`` has a row per person and
scalar measure, ``events.csv`` one per contact, toe-off, take-off and landing, with times between
frames, and ``cycles.csv`` the angles over every stride.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.events.moments import moments_of
from podium.biomechanics.exports.cycle_table import CycleTable
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.registry import Measured
from podium.types import Bool, Float64, Floats

_HEAD = ("frame", "time_s", "person")
_KEYPOINTS = (
    ("x_px", 3), ("y_px", 3), ("score", 4), ("x_m", 4), ("y_m", 4), ("z_m", 4),
    ("x_filtered_px", 3), ("y_filtered_px", 3),
    ("x_filtered_m", 4), ("y_filtered_m", 4), ("z_filtered_m", 4), ("filled", 0),
)  # fmt: skip
_ROWS_AT_ONCE = 64


class Table(Protocol):
    """One CSV file, athlete by athlete."""

    def add(self, athlete: Measured) -> None:
        """Write the rows of one athlete."""


@contextmanager
def open_tables(folder: Path, dictionary: Sequence[Measure]) -> Iterator[list[Table]]:
    """Open the tables in a folder and write their heads; the end of the block closes them.

    Args:
        folder: Folder to write to.
        dictionary: All measures that an athlete may have, for the columns.
    """
    with (
        _open(folder / "keypoints.csv") as keypoints,
        _open(folder / "biomechanics.csv") as series,
        _open(folder / "measures.csv") as numbers,
        _open(folder / "events.csv") as events,
        _open(folder / "cycles.csv") as cycles,
    ):
        yield [
            KeypointTable(keypoints),
            SeriesTable(series, dictionary),
            NumberTable(numbers),
            EventTable(events),
            CycleTable(cycles),
        ]


@contextmanager
def _open(path: Path) -> Iterator[IO[str]]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield file


class KeypointTable:
    """``keypoints.csv``."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        _write_head(file, [*_HEAD, "keypoint", *(name for name, _ in _KEYPOINTS)])

    def add(self, athlete: Measured) -> None:
        """Write the key points of one athlete."""
        analysis = athlete.analysis
        trajectory, plane = analysis.trajectory, analysis.plane
        digits = ",".join(f"%.{count}f" for _, count in _KEYPOINTS)
        blocks = [
            _Block(
                joint,
                digits,
                [
                    *trajectory.keypoints[:, j].T,
                    *trajectory.keypoints_3d[:, j].T,
                    *plane.positions[:, j].T,
                    *analysis.space[:, j].T,
                    plane.filled[:, j],
                ],
                1.0,
            )
            for j, joint in enumerate(analysis.skeleton.joints)
        ]
        self._file.writelines(_lines(analysis, blocks))


class SeriesTable:
    """``biomechanics.csv``."""

    def __init__(self, file: IO[str], dictionary: Iterable[Measure]) -> None:
        self._file = file
        places = [measure.place for measure in dictionary if measure.is_series]
        self._columns = list(dict.fromkeys(place.column for place in places))
        _write_head(file, [*_HEAD, "kind", "name", *self._columns])

    def add(self, athlete: Measured) -> None:
        """Write the series of one athlete."""
        rows: dict[str, dict[str, Measure]] = {}
        for measure in athlete.measures:
            if measure.is_series:
                place = measure.place
                rows.setdefault(f"{place.kind},{place.row}", {})[place.column] = measure
        blocks = [self._block(name, cells) for name, cells in rows.items()]
        self._file.writelines(_lines(athlete.analysis, blocks))

    def _block(self, name: str, cells: dict[str, Measure]) -> _Block:
        filled = [cells[column] for column in self._columns if column in cells]
        return _Block(
            name,
            ",".join(
                f"%.{cells[column].digits}f" if column in cells else "" for column in self._columns
            ),
            [cell.samples for cell in filled if cell.samples is not None],
            np.array([cell.factor for cell in filled]),
        )


class NumberTable:
    """``measures.csv``."""

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file)
        self._rows.writerow(
            ("person", "measure", "value", "unit", "sd", "n", "label", "method", "reason")
        )

    def add(self, athlete: Measured) -> None:
        """Write the numbers of one athlete."""
        person = athlete.analysis.trajectory.person
        for m in athlete.measures:
            if not m.is_series:
                n = "" if m.n is None else m.n
                numbers = (_number(m.value), m.unit, _number(m.sd), n)
                self._rows.writerow((person, m.name, *numbers, m.label, m.method, m.reason))


class EventTable:
    """``events.csv``."""

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file)
        self._rows.writerow(("person", "time_s", "frame", "event", "side"))

    def add(self, athlete: Measured) -> None:
        """Write the events of one athlete; ``frame`` is the first frame that shows the event."""
        trajectory = athlete.analysis.trajectory
        for moment in moments_of(athlete.movement):
            row = int(np.searchsorted(trajectory.time_s, moment.time_s - 1e-9))
            frame = trajectory.frame_index[min(row, len(trajectory) - 1)]
            at = (f"{moment.time_s:.4f}", int(frame), moment.kind, moment.side)
            self._rows.writerow((trajectory.person, *at))


@dataclass(frozen=True, slots=True)
class _Block:
    """The rows of one name over the frames. Its columns are not joined: that would be a copy."""

    name: str  # the cells between person and the numbers
    format: str  # of the numbers
    columns: Sequence[Floats | Bool]  # (T,) each
    factor: Float64 | float  # of each column, or of all

    def rows(self, part: slice) -> Float64:
        """Some of the rows, (T, C)."""
        return (
            np.stack([column[part] for column in self.columns], axis=-1, dtype=float) * self.factor
        )


def _write_head(file: IO[str], columns: Sequence[str]) -> None:
    csv.writer(file).writerow(columns)


def _lines(analysis: Analysis, blocks: Sequence[_Block]) -> Iterator[str]:
    """The rows, frame by frame; all numbers of a frame are formatted at once."""
    trajectory = analysis.trajectory
    names = [block.name for block in blocks]
    digits = "\n".join(block.format for block in blocks)
    for start in range(0, len(trajectory), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        times = zip(
            trajectory.frame_index[part].tolist(), trajectory.time_s[part].tolist(), strict=True
        )
        heads = [f"{frame},{time_s:.6f},{trajectory.person}," for frame, time_s in times]
        parts = [block.rows(part) for block in blocks]
        rows = np.concatenate(parts, axis=1).tolist() if parts else [[]] * len(heads)
        for head, row in zip(heads, rows, strict=True):
            cells = (digits % tuple(row)).replace("nan", "").split("\n")
            for name, numbers in zip(names, cells, strict=False):  # without blocks: one empty cell
                yield f"{head}{name},{numbers}\r\n"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
