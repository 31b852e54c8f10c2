"""Events corrected by hand in a finished run: measures follow, and mistakes are explained."""

import csv
import json
import tracemalloc

import numpy as np
import pytest
from click.testing import CliRunner

from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.events.movement import movement_of
from podium.cli import measures
from podium.errors import InvalidInput
from podium.postprocess.remeasuring import remeasure
from podium.schemas.corrections import CorrectionFile, EventCorrection
from podium.schemas.motion import Motion
from podium.schemas.postprocess import PostprocessOptions
from podium.skeletons import BLAZEPOSE33
from podium.wire.parameters import read_parameters
from tests.support.filmed_athlete import filmed
from tests.support.finished_runs import finished_run


@pytest.fixture(scope="module")
def analysis():
    gait, trajectory = filmed(seconds=1.2)
    return analyse(trajectory, BLAZEPOSE33, AnalysisOptions(athlete_height_m=gait.height_m))


def correct(event, side, time_s, corrected_s):
    return EventCorrection(event=event, side=side, time_s=time_s, corrected_s=corrected_s)


def test_a_moved_contact_moves_alone(analysis):
    before = movement_of(analysis).gait.contacts
    first = before[0]
    moved = correct("contact", first.side, round(first.on_s, 2), first.on_s - 0.02)
    after = movement_of(analysis, [moved]).gait
    assert after.corrected
    assert after.contacts[0].on_s == pytest.approx(first.on_s - 0.02)
    assert after.contacts[1:] == before[1:]
    assert after.contacts[0].off_s == first.off_s


def test_an_event_is_left_out_and_another_is_added(analysis):
    before = movement_of(analysis).gait.contacts
    second = before[1]
    out = correct("contact", second.side, second.on_s, None)
    fewer = movement_of(analysis, [out]).gait.contacts
    assert [c.on_s for c in fewer] == [c.on_s for c in before if c != second]
    off = correct("toe_off", second.side, second.off_s, None)
    back = correct("contact", second.side, None, second.on_s + 0.01)
    again = movement_of(analysis, [out, off, back]).gait.contacts
    assert len(again) == len(before)
    assert again[1].on_s == pytest.approx(second.on_s + 0.01)
    assert np.isnan(again[1].off_s)


def test_a_correction_of_nothing_is_explained(analysis):
    with pytest.raises(InvalidInput, match=r"no contact \(left\) at 9 s; see events.csv"):
        movement_of(analysis, [correct("contact", "left", 9.0, 9.1)])
    _, short = filmed(seconds=0.1)
    few = analyse(short, BLAZEPOSE33, AnalysisOptions())
    with pytest.raises(InvalidInput, match="no contacts to correct: hips and feet are seen"):
        movement_of(few, [correct("contact", "left", 0.0, 0.1)])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    gait, trajectory = filmed(seconds=1.2)
    return finished_run(tmp_path_factory.mktemp("run"), trajectory, gait.height_m)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(folder):
    return {row["measure"]: row for row in rows(folder / "measures.csv")}


def test_podium_measures_reads_the_corrections_of_a_run(run):
    before = numbers(run)
    contacts = [row for row in rows(run / "events.csv") if row["event"] == "contact"]
    events = [
        {
            "event": "contact",
            "side": row["side"],
            "time_s": float(row["time_s"]),
            "corrected_s": float(row["time_s"]) - 0.03,
        }
        for row in contacts
    ]
    corrections = {"persons": [{"person": 0, "events": events}]}
    (run / "corrections.json").write_text(json.dumps(corrections))
    done = CliRunner().invoke(measures.command, [str(run)])
    assert done.exit_code == 0, done.stderr
    assert str(run / "measures.csv") in done.stdout.splitlines()
    after = numbers(run)
    gained_s = float(after["contact_time_s"]["value"]) - float(before["contact_time_s"]["value"])
    assert gained_s == pytest.approx(0.03, abs=2e-3)
    lost_s = float(before["flight_time_s"]["value"]) - float(after["flight_time_s"]["value"])
    assert lost_s == pytest.approx(0.03, abs=2e-3)
    assert after["cadence_steps_min"]["value"] == before["cadence_steps_min"]["value"]
    assert 0 < float(after["contact_time_s"]["sd"]) < float(before["contact_time_s"]["sd"])
    assert "corrected by hand" in after["contact_time_s"]["method"]
    moved = [row["time_s"] for row in rows(run / "events.csv") if row["event"] == "contact"]
    expected = [float(row["time_s"]) - 0.03 for row in contacts]
    np.testing.assert_allclose([float(time_s) for time_s in moved], expected, atol=1e-4)
    warnings = json.loads((run / "summary.json").read_bytes())["warnings"]
    assert any("were corrected by hand" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "corrections.json"),
        ('{"persons": [{"person": 0, "events": [{"event": "hop", "side": "left"}]}]}', "event"),
        (
            '{"persons": [{"person": 0, "events": [{"event": "contact", "side": "both", '
            '"corrected_s": 1}]}]}',
            "side is left or right for a foot",
        ),
        (
            '{"persons": [{"person": 0, "keypoints": [{"frame": 1, "keypoint": "nose", '
            '"corrected_px": [1e308, 0]}]}]}',
            "persons.0.keypoints.0.corrected_px.0: Input should be less than or equal to 1000000",
        ),
        (
            '{"persons": [{"person": 0, "events": [{"event": "contact", "side": "left", '
            '"corrected_s": 99}]}]}',
            r"contact \(left\) cannot be at 99 s: the athlete is seen from 0 to 1.18",
        ),
        ('{"persons": [{"person": 7, "events": []}]}', "there is no person 7"),
    ],
)
def test_a_file_of_corrections_that_is_wrong_is_explained(run, text, message):
    (run / "corrections.json").write_text(text)
    with pytest.raises(InvalidInput, match=message) as error:
        remeasure(run)
    assert "corrections.json" in (error.value.field or "") or "corrections.json" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"persons": [{"person": 0, "keypoints": [%s{}]}]}' % ("{}," * 50_000), "Field required"),
        ('{"persons": [%s{}]}' % ("{}," * 100_000), "persons.0.person: Field required"),
        ({f"{number}": 1 for number in range(50_000)}, "must be the content of a corrections.json"),
        (
            '{"persons": [{"person": 0, "keypoints": [%s' % ("{}," * 500_000),
            "1048576 that are read",
        ),
    ],
)
def test_many_mistakes_take_as_little_as_one(text, message):
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=message):
            read_parameters(PostprocessOptions, {"corrections": text})
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_a_key_point_is_moved_and_measures_follow(run):
    place = (run / "keypoints.csv").read_text()
    knees = [row for row in rows(run / "keypoints.csv") if row["keypoint"] == "left_knee"]
    row = knees[len(knees) // 2]
    automatic = [float(row["x_px"]), float(row["y_px"])]
    point = {
        "frame": int(row["frame"]),
        "keypoint": "left_knee",
        "automatic_px": automatic,
        "corrected_px": [automatic[0] + 60.0, automatic[1]],
    }
    corrections = CorrectionFile.model_validate_json(
        json.dumps({"persons": [{"person": 0, "keypoints": [point]}]})
    )
    remeasure(run, corrections)
    after = [row for row in rows(run / "keypoints.csv") if row["keypoint"] == "left_knee"]
    changed = [
        at for at, (a, b) in enumerate(zip(knees, after, strict=True)) if a["x_px"] != b["x_px"]
    ]
    assert changed == [len(knees) // 2]
    assert float(after[changed[0]]["x_px"]) == pytest.approx(automatic[0] + 60)
    assert after[changed[0]]["filled"] == "0"  # no outlier, far off as it is
    shown = Motion.model_validate_json((run / "motion.json").read_bytes())
    assert shown.corrections == corrections
    warnings = json.loads((run / "summary.json").read_bytes())["warnings"]
    assert "Person 0: 1 key point was corrected by hand (corrections.json)." in warnings
    remeasure(run, CorrectionFile())
    assert (run / "keypoints.csv").read_text() == place


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"frame": 3, "keypoint": "tail", "corrected_px": [1.0, 2.0]}, "no key point 'tail'"),
        (
            {"frame": 9999, "keypoint": "nose", "corrected_px": [1.0, 2.0]},
            "frames 0 to [0-9]+, not",
        ),
    ],
)
def test_a_wrong_correction_leaves_the_tables_as_they_are(run, point, message):
    before = (run / "keypoints.csv").read_bytes()
    text = json.dumps({"persons": [{"person": 0, "keypoints": [point]}]})
    with pytest.raises(InvalidInput, match=message):
        remeasure(run, CorrectionFile.model_validate_json(text))
    assert (run / "keypoints.csv").read_bytes() == before
    assert not list(run.glob(".partial-*"))
