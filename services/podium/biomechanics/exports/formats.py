"""The formats that an athlete can be written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from podium.biomechanics.exports.bvh import write_bvh
from podium.biomechanics.exports.c3d_file import write_c3d
from podium.biomechanics.exports.gltf import write_gltf
from podium.biomechanics.exports.markers import markers_of
from podium.biomechanics.exports.opensim import write_mot, write_sto, write_trc
from podium.biomechanics.exports.parquet import write_parquet
from podium.biomechanics.exports.wide_table import write_wide
from podium.biomechanics.measures.registry import Measured

Writer = Callable[[Path, Measured], None]


def _trc(path: Path, athlete: Measured) -> None:
    write_trc(path, markers_of(athlete.analysis))


def _mot(path: Path, athlete: Measured) -> None:
    write_mot(path, athlete.analysis)


def _c3d(path: Path, athlete: Measured) -> None:
    write_c3d(path, markers_of(athlete.analysis), athlete.movement)


def _gltf(path: Path, athlete: Measured) -> None:
    write_gltf(path, markers_of(athlete.analysis))


def _bvh(path: Path, athlete: Measured) -> None:
    write_bvh(path, athlete.analysis.fit)


def _csv_comma(path: Path, athlete: Measured) -> None:
    write_wide(path, athlete, decimal=",")


FORMATS: Mapping[str, Writer] = MappingProxyType(
    {
        "trc": _trc,
        "mot": _mot,
        "sto": write_sto,
        "c3d": _c3d,
        "gltf": _gltf,
        "bvh": _bvh,
        "csv-wide": write_wide,
        "csv-comma": _csv_comma,
        "parquet": write_parquet,
    }
)
"""Format -> writer. Raises Unprocessable if the athlete lacks data that the format needs, and
SetupError if a package is missing."""


def suffix_of(name: str) -> str:
    """The ending of files of a format, without the dot."""
    return {"csv-wide": "csv", "csv-comma": "comma.csv"}.get(name, name)
