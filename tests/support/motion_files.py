"""Readers of measured movements: TRC, MOT and columns of text."""

from pathlib import Path

import numpy as np


def read_trc(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Times (T,) in seconds and marker -> (T, 3) in metres; NaN where a marker is missing."""
    lines = path.read_text(errors="replace").splitlines()
    labels = [label.strip() for label in lines[3].split("\t")[2:] if label.strip()]
    width = 1 + 3 * len(labels)
    rows = []
    for line in lines[4:]:
        cells = line.split("\t")
        if cells[0].strip().isdigit():
            numbers = [float(cell) if cell.strip() else np.nan for cell in cells[1 : width + 1]]
            rows.append(numbers + [np.nan] * (width - len(numbers)))
    data = np.array(rows)
    return data[:, 0], {
        label: data[:, 1 + 3 * k : 4 + 3 * k] / 1000 for k, label in enumerate(labels)
    }


def read_mot(path: Path) -> dict[str, np.ndarray]:
    """Column -> (T,), of a MOT or STO file."""
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    head = next(k for k, line in enumerate(lines) if line.strip() == "endheader") + 1
    data = np.array([[float(cell) for cell in line.split()] for line in lines[head + 1 :]])
    return dict(zip(lines[head].split(), data.T, strict=True))
