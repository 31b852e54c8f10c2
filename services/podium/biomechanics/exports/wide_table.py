"""Every series of an athlete side by side: a row per frame, a column per measure."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from podium.biomechanics.measures.registry import Measured


def write_wide(path: Path, athlete: Measured, *, decimal: str = ".") -> None:
    """Write the table; unknown values are empty cells.

    Args:
        path: The file.
        athlete: Its series are the columns.
        decimal: Decimal mark; beside a comma, columns are separated by semicolons.
    """

    def text(value: float, digits: int) -> str:
        return f"{value:.{digits}f}".replace(".", decimal)

    series = [(m, m.values) for m in athlete.measures if m.values is not None]
    trajectory = athlete.analysis.trajectory
    with path.open("w", encoding="ascii", newline="") as file:
        rows = csv.writer(file, delimiter=";" if decimal == "," else ",")
        rows.writerow(["frame", "time_s", *(measure.name for measure, _ in series)])
        for t, (frame, time_s) in enumerate(
            zip(trajectory.frame_index.tolist(), trajectory.time_s.tolist(), strict=True)
        ):
            cells = (
                "" if np.isnan(values[t]) else text(values[t], measure.digits)
                for measure, values in series
            )
            rows.writerow([frame, text(time_s, 6), *cells])
