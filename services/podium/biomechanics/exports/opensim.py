"""TRC, MOT and STO files for OpenSim 4 and Pose2Sim.

Sources: OpenSim's pages "Marker (.trc) Files" and "Motion (.mot) Files". Coordinates have the
names of OpenSim's full-body models (Rajagopal et al. 2016): flexion and dorsiflexion are positive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from podium.biomechanics.analysis import Analysis
from podium.biomechanics.exports.level_body import JOINT_COORDINATES, level_body
from podium.biomechanics.exports.markers import Markers
from podium.biomechanics.measures.registry import Measured
from podium.types import Float64

COORDINATES = {
    f"{side}_{angle}": JOINT_COORDINATES[f"{side}_{angle}"]
    for side in ("right", "left")
    for angle in (
        "hip_flexion",
        "knee_flexion",
        "ankle_dorsiflexion",
        "shoulder_flexion",
        "elbow_flexion",
    )
}
"""Angle -> coordinate of the model."""


def write_trc(path: Path, markers: Markers) -> None:
    """Write markers in millimetres; unknown markers are empty.

    Rows end with a tab, because OpenSim does not count an empty cell at the end of a line.
    """
    frames, count = markers.positions_m.shape[:2]
    rate = f"{markers.rate_hz:.6g}"
    axes = "".join(f"\tX{k}\tY{k}\tZ{k}" for k in range(1, count + 1))
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame"
        "\tOrigNumFrames",
        f"{rate}\t{rate}\t{frames}\t{count}\tmm\t{rate}\t1\t{frames}",
        "Frame#\tTime" + "".join(f"\t{name}\t\t" for name in markers.names),
        f"\t{axes}\t",
        "",
    ]
    path.write_text("\n".join([*head, *_trc_rows(markers), ""]), encoding="ascii")


def _trc_rows(markers: Markers) -> Iterator[str]:
    rows = markers.positions_m.reshape(len(markers.time_s), -1) * 1000
    for number, (time_s, row) in enumerate(zip(markers.time_s, rows, strict=True), start=1):
        cells = ("" if np.isnan(value) else f"{value:.5f}" for value in row)
        yield "\t".join([str(number), f"{time_s:.6f}", *cells, ""])


def write_mot(path: Path, analysis: Analysis) -> None:
    """Write the coordinates of the model: angles in degrees, places of the pelvis in metres.

    All coordinates, if there is a fitted body; else the joint angles alone. Joint angles are the
    chosen ones, as in the tables.
    """
    body = level_body(analysis)
    columns = {} if body is None else dict(body.coordinates)
    columns |= {
        COORDINATES[s.angle.name]: s.chosen.degrees
        for s in analysis.angles
        if s.angle.name in COORDINATES
    }
    write_storage(
        path,
        "Coordinates",
        list(columns),
        analysis.trajectory.time_s,
        np.stack(list(columns.values()), axis=1),
    )


def write_sto(path: Path, athlete: Measured) -> None:
    """Write every series of the athlete over time, by the names of the measures."""
    series = [(m.name, m.values) for m in athlete.measures if m.values is not None]
    write_storage(
        path,
        "Podium",
        [name for name, _ in series],
        athlete.analysis.trajectory.time_s,
        np.stack([values for _, values in series], axis=1),
    )


def write_storage(
    path: Path, title: str, labels: Sequence[str], time_s: Float64, values: Float64
) -> None:
    """Write columns over time in OpenSim's storage format (MOT, STO).

    Args:
        path: The file.
        title: Its first line.
        labels: Labels of the C columns.
        time_s: (T,).
        values: (T, C), angles in degrees; NaN where a value is unknown.
    """
    head = [
        title,
        "version=1",
        f"nRows={len(time_s)}",
        f"nColumns={len(labels) + 1}",
        "inDegrees=yes",
        "",
        "endheader",
        "\t".join(["time", *labels]),
    ]
    rows = (
        "\t".join([f"{at:.6f}", *(f"{value:.6f}" for value in row)])
        for at, row in zip(time_s, values, strict=True)
    )
    path.write_text("\n".join([*head, *rows, ""]), encoding="ascii")
