"""Memory grows with a clip by what is kept of it, and not by what is computed on the way."""

import tracemalloc
from types import SimpleNamespace

import numpy as np

from podium.biomechanics.exports.tables import SeriesTable
from podium.biomechanics.measures.measure import Cell, Measure
from podium.biomechanics.persons.trajectories import Trajectory
from podium.biomechanics.signals.gaps import outliers
from podium.skeletons import BLAZEPOSE33

COLUMNS = 3 * len(BLAZEPOSE33)


def nobody(count):
    """A trajectory of a skeleton without joints."""
    return Trajectory(
        person=0,
        frame_index=np.arange(count),
        time_s=np.arange(count) / 60,
        boxes=np.zeros((count, 4)),
        scores=np.ones(count),
        keypoints=np.zeros((count, 0, 3)),
        keypoints_3d=np.zeros((count, 0, 3)),
    )


def peak_bytes(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def bytes_a_frame(work, frames=(2048, 8192)):
    """Growth of the peak between two lengths of the clip."""
    few, many = (peak_bytes(lambda count=count: work(count)) for count in frames)
    return (many - few) / (frames[1] - frames[0])


def test_outliers_of_long_clips_are_found_in_parts():
    """Neighbourhoods of the whole clip would be 7 times the key points, several times over."""
    values = np.random.default_rng(0).standard_normal((8192, COLUMNS))
    assert bytes_a_frame(lambda count: outliers(values[:count])) < 2 * 8 * COLUMNS


def test_outliers_are_those_of_the_whole_clip():
    values = np.random.default_rng(1).standard_normal((2500, 2))
    np.testing.assert_array_equal(outliers(values)[800:1700], outliers(values[797:1703])[3:-3])


def test_tables_copy_no_series(tmp_path):
    names = [(f"joint{row}", f"column{column}") for row in range(10) for column in range(10)]

    def write(count):
        series = [
            Measure(
                name=f"{row}_{column}",
                label="",
                unit="m",
                method="",
                values=np.broadcast_to(0.5, count),
                cell=Cell(kind="joint", row=row, column=column),
            )
            for row, column in names
        ]
        analysis = SimpleNamespace(trajectory=nobody(count))
        athlete = SimpleNamespace(analysis=analysis, measures=series)
        with (tmp_path / "biomechanics.csv").open("w") as file:
            SeriesTable(file, series).add(athlete)

    assert bytes_a_frame(write, (2048, 6144)) < 8 * len(names) / 4
