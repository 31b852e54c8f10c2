"""Apache Parquet: the wide table for pandas, Polars, R and data bases, with units in its schema."""

from __future__ import annotations

from pathlib import Path

from podium.biomechanics.measures.registry import Measured
from podium.errors import SetupError


def write_parquet(path: Path, athlete: Measured) -> None:
    """Write a row per frame and a column per series; unknown values are null.

    Raises:
        SetupError: PyArrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow.parquet import write_table
    except ImportError:
        raise SetupError("parquet needs PyArrow: pip install 'podium[parquet]'") from None
    trajectory = athlete.analysis.trajectory
    columns = [pyarrow.array(trajectory.frame_index), pyarrow.array(trajectory.time_s)]
    fields = [
        pyarrow.field("frame", pyarrow.int64()),
        pyarrow.field("time_s", pyarrow.float64(), metadata={"unit": "s"}),
    ]
    for measure in athlete.measures:
        if measure.values is not None:
            columns.append(pyarrow.array(measure.values, pyarrow.float64(), from_pandas=True))
            unit = {"unit": measure.unit}
            fields.append(pyarrow.field(measure.name, pyarrow.float64(), metadata=unit))
    write_table(pyarrow.Table.from_arrays(columns, schema=pyarrow.schema(fields)), path)
