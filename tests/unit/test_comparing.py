"""Two runs side by side: curves over the cycle, how far apart, and what is refused."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner

from podium.biomechanics.events.cycle_curves import CycleCurve
from podium.cli import compare
from podium.errors import Unprocessable
from podium.lab.athlete.gait import run
from podium.postprocess.comparing import Comparison, compared_runs
from tests.support.filmed_athlete import STRIDE_HZ, filmed
from tests.support.finished_runs import finished_run


def curve(mean_deg, sd_deg=1.0, n=4):
    """A curve of n cycles with this mean and standard deviation."""
    around = np.linspace(-1, 1, n)[:, None] if n > 1 else np.zeros((1, 1))
    around /= np.std(around, ddof=1) if n > 1 else 1
    return CycleCurve("left_knee_flexion", (0.0,) * n, mean_deg + sd_deg * around)


def test_differences_are_those_of_the_curves():
    percent = np.arange(101)
    first = 40 + 30 * np.sin(2 * np.pi * percent / 100)
    later = 43 + 30 * np.sin(2 * np.pi * (percent - 7) / 100)
    compared = Comparison(curve(first), curve(later), repeats=True)
    assert compared.peak_shift_percent == 7
    assert Comparison(curve(later), curve(first), repeats=True).peak_shift_percent == -7
    # sin a - sin b has the amplitude 2 sin(half of the shift)
    amplitude = 2 * 30 * np.sin(np.pi * 0.07)
    assert compared.rmse_deg == pytest.approx(np.sqrt(9 + amplitude**2 / 2), rel=0.02)
    assert Comparison(curve(first), curve(first + 1.9), repeats=True).apart == 0
    assert Comparison(curve(first), curve(first + 2.1), repeats=True).apart == 1


def test_the_band_of_a_single_cycle_has_no_width_and_the_other_counts():
    first = np.sin(np.linspace(0, 2 * np.pi, 101))
    single = curve(first + 0.9, n=1)
    assert Comparison(curve(first), single, repeats=True).apart == 0
    assert Comparison(single, curve(first - 0.2), repeats=True).apart == 1


def test_single_cycles_are_not_said_to_be_apart():
    first = np.sin(np.linspace(0, 2 * np.pi, 101))
    assert Comparison(curve(first, n=1), curve(first + 1, n=1), repeats=True).apart is None


def test_a_clip_does_not_repeat():
    early, late = (np.eye(101)[at] for at in (10, 80))
    assert Comparison(curve(early), curve(late), repeats=False).peak_shift_percent == 70
    assert Comparison(curve(late), curve(early), repeats=False).peak_shift_percent == -70


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two clips of one gait that begin at other moments of the stride."""
    folder = tmp_path_factory.mktemp("runs")
    for name, start_s in (("monday", 0.0), ("friday", 0.17)):
        gait, trajectory = filmed(seconds=1.4, noise_px=0.5, start_s=start_s)
        finished_run(folder / name, trajectory, gait.height_m)
    return folder


def test_clips_of_one_gait_have_one_curve_and_it_is_the_true_one(runs):
    compared = {c.first.angle: c for c in compared_runs(runs / "monday", runs / "friday", "stride")}
    assert len(compared) == 7
    for angle, each in compared.items():
        assert each.rmse_deg < 3, angle
        assert each.first.n >= 1
    gait, _ = filmed(seconds=0.1)
    contact_s = -gait.duty / STRIDE_HZ / 2  # of the left foot
    knee = run(gait, contact_s + np.linspace(0, 1 / STRIDE_HZ, 101)).knee_flexion_deg[:, 0]
    found = compared["left_knee_flexion"].first.mean_deg
    assert np.corrcoef(found, knee)[0, 1] > 0.97
    assert abs(int(np.argmax(found)) - int(np.argmax(knee))) <= 4


def test_podium_compare_writes_a_page_and_a_table(runs):
    folders = [str(runs / "monday"), str(runs / "friday")]
    done = CliRunner().invoke(compare.command, folders)
    assert done.exit_code == 0, done.stderr
    table, page = (runs / "monday" / "compare-friday" / f"compare.{s}" for s in ("csv", "html"))
    assert done.stdout.splitlines() == [str(table), str(page)]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7 * 101
    knee = [row for row in rows if row["angle"] == "left_knee_flexion"]
    assert [int(row["percent"]) for row in knee] == list(range(101))
    for row in knee:
        difference = float(row["b_deg"]) - float(row["a_deg"])
        assert float(row["b_less_a_deg"]) == pytest.approx(difference, abs=0.002)
    html = page.read_text()
    assert "monday and friday" in html
    assert 'aria-label="Left knee flexion"' in html


def test_runs_without_strides_are_compared_as_clips(runs):
    gait, trajectory = filmed(seconds=0.1)
    short = finished_run(runs / "short", trajectory, gait.height_m)
    with pytest.raises(Unprocessable, match=r"no strides \(hips and feet.*--by clip"):
        compared_runs(runs / "monday", short, "stride")
    compared = compared_runs(runs / "monday", short, "clip")
    assert {each.second.n for each in compared} == {1}
