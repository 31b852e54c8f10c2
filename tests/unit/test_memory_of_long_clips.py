"""Memory grows with a clip by what is kept of it, and not by what is computed on the way."""

import tracemalloc
from types import SimpleNamespace

import numpy as np

from podium.biomechanics.exports.tables import SeriesTable
from podium.biomechanics.measures.joints import joint_kinematics
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
    names = [(f"joint{row}", f"column{column}") for row in range(5) for column in range(10)]

    def write(count):
        series = [
            Measure(
                name=f"{row}_{column}",
                label="",
                unit="m",
                method="",
                samples=np.broadcast_to(0.5, count),
                cell=Cell(kind="joint", row=row, column=column),
            )
            for row, column in names
        ]
        analysis = SimpleNamespace(trajectory=nobody(count))
        athlete = SimpleNamespace(analysis=analysis, measures=series)
        with (tmp_path / "biomechanics.csv").open("w") as file:
            SeriesTable(file, series).add(athlete)

    assert bytes_a_frame(write, (2048, 6144)) < 8 * len(names) / 4


def test_series_in_metres_share_the_memory_of_those_in_pixels():
    """Of 16 series of a joint accelerations and lengths of vectors are new, once for both units."""

    def kinematics(count):
        vectors = np.broadcast_to(2.0, (count, len(BLAZEPOSE33), 2))
        analysis = SimpleNamespace(
            skeleton=BLAZEPOSE33,
            scale=SimpleNamespace(m_per_px=0.5),
            plane=SimpleNamespace(positions=vectors),
            velocity=vectors,
            trajectory=nobody(count),
            breaks=np.zeros(count, bool),
        )
        series = list(joint_kinematics(SimpleNamespace(analysis=analysis)))
        x_px, x_m = (
            next(m for m in series if m.name == f"nose_x_{of}") for of in ("px", "plane_m")
        )
        assert (x_px.values[-1], x_m.values[-1], x_m.known[0]) == (2.0, 1.0, 1.0)

    joints = len(BLAZEPOSE33) + 2
    assert bytes_a_frame(kinematics) < 8 * (2 + 2 + 1) * joints
