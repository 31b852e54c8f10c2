"""Files for other programs, read back by readers that are not ours."""

import csv
import json
import shutil
import zipfile

import ezc3d
import numpy as np
import pytest
from click.testing import CliRunner

from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.exports.c3d_file import write_c3d
from podium.biomechanics.exports.formats import FORMATS
from podium.biomechanics.exports.markers import markers_of
from podium.biomechanics.measures.registry import measure
from podium.cli import export as cli
from podium.errors import Unprocessable
from podium.skeletons import BLAZEPOSE33
from tests.support.exported_athlete import exported_athlete
from tests.support.filmed_athlete import filmed
from tests.support.finished_runs import finished_run
from tests.support.motion_files import read_mot, read_trc


@pytest.fixture
def athlete():
    return exported_athlete()


def test_trc_holds_the_markers_in_millimetres(athlete, tmp_path):
    analysis = athlete.analysis
    FORMATS["trc"](tmp_path / "a.trc", athlete)
    time_s, found = read_trc(tmp_path / "a.trc")
    markers = markers_of(analysis)
    np.testing.assert_allclose(time_s, analysis.trajectory.time_s, atol=1e-6)
    assert tuple(found) == markers.names
    for k, name in enumerate(markers.names):
        np.testing.assert_allclose(found[name], markers.positions_m[:, k], atol=1e-7)
    assert np.isnan(found["LWrist"][35:45]).all()
    head = (tmp_path / "a.trc").read_text().splitlines()
    assert head[2].split("\t")[:5] == ["60", "60", "120", str(len(markers.names)), "mm"]
    # OpenSim takes the end of a line for the end of a cell, so that a last empty one is lost
    for line in head[6:]:
        assert line.endswith("\t")
        assert len(line.removesuffix("\t").split("\t")) == 2 + 3 * len(markers.names)


def test_markers_stand_on_the_ground_with_up_as_y(athlete):
    markers = markers_of(athlete.analysis)
    at = {name: markers.positions_m[:, k] for k, name in enumerate(markers.names)}
    lowest = min(np.nanmin(at[name][:, 1]) for name in ("LBigToe", "RBigToe", "LHeel", "RHeel"))
    assert lowest == pytest.approx(0, abs=1e-9)
    assert 0.75 < np.median(at["Hip"][:, 1]) < 1.1
    assert np.median(at["Head"][:, 1]) > 1.4
    forward = np.polyfit(markers.time_s, at["Hip"][:, 0], 1)[0]
    assert forward == pytest.approx(5.0, rel=0.05)
    assert {"RKnee", "LAnkle", "Neck", "RWrist"} <= set(markers.names)


def test_mot_has_the_head_and_the_angles_that_opensim_wants(athlete, tmp_path):
    analysis, measures = athlete.analysis, athlete.measures
    FORMATS["mot"](tmp_path / "a.mot", athlete)
    lines = (tmp_path / "a.mot").read_text().splitlines()
    assert lines[:5] == ["Coordinates", "version=1", "nRows=120", "nColumns=11", "inDegrees=yes"]
    table = read_mot(tmp_path / "a.mot")
    series = {m.name: m for m in measures}
    np.testing.assert_allclose(
        table["knee_angle_r"], series["right_knee_flexion_deg"].values, atol=1e-5
    )
    np.testing.assert_allclose(table["time"], analysis.trajectory.time_s, atol=1e-6)


def test_c3d_opens_in_ezc3d_with_points_rate_labels_angles_and_events(athlete, tmp_path):
    analysis, measures = athlete.analysis, athlete.measures
    FORMATS["c3d"](tmp_path / "a.c3d", athlete)
    found = ezc3d.c3d(str(tmp_path / "a.c3d"))
    markers = markers_of(analysis)
    point = found["parameters"]["POINT"]
    labels = point["LABELS"]["value"]
    assert labels[: len(markers.names)] == list(markers.names)
    assert point["RATE"]["value"][0] == pytest.approx(60)
    assert point["UNITS"]["value"] == ["mm"]
    points = np.moveaxis(found["data"]["points"][:3], 0, -1)  # (M, T, 3)
    for k, name in enumerate(markers.names):
        np.testing.assert_allclose(
            points[k], markers.positions_m[:, k] * 1000, atol=2e-4, err_msg=name
        )
    knee = labels.index("RKneeAngles")
    series = {m.name: m for m in measures}
    np.testing.assert_allclose(
        points[knee][:, 0], series["right_knee_flexion_deg"].values, atol=1e-4
    )
    assert "RKneeAngles" in point["ANGLES"]["value"]
    gait = athlete.movement.gait
    events = found["parameters"]["EVENT"]
    strikes = [
        (context, seconds)
        for context, label, seconds in zip(
            events["CONTEXTS"]["value"],
            events["LABELS"]["value"],
            events["TIMES"]["value"][1],
            strict=True,
        )
        if label == "Foot Strike"
    ]
    assert [context for context, _ in strikes] == [c.side.capitalize() for c in gait.contacts]
    np.testing.assert_allclose([s for _, s in strikes], [c.on_s for c in gait.contacts], atol=1e-4)


def test_wide_table_has_a_row_per_frame_and_a_column_per_series(athlete, tmp_path):
    measures = athlete.measures
    FORMATS["csv-wide"](tmp_path / "a.csv", athlete)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 120
    series = [m for m in measures if m.is_series]
    assert list(rows[0]) == ["frame", "time_s", *(m.name for m in series)]
    knee = next(m for m in series if m.name == "left_knee_flexion_deg")
    np.testing.assert_allclose(
        [float(row["left_knee_flexion_deg"]) for row in rows], knee.values, atol=1e-3
    )
    assert rows[40]["left_wrist_x_px"] == ""


def test_a_decimal_comma_changes_marks_and_no_numbers(athlete, tmp_path):
    FORMATS["csv-wide"](tmp_path / "a.csv", athlete)
    FORMATS["csv-comma"](tmp_path / "a.comma.csv", athlete)
    as_usual = (tmp_path / "a.csv").read_text()
    assert "," in as_usual
    with_comma = (tmp_path / "a.comma.csv").read_text()
    assert with_comma == as_usual.translate(str.maketrans(".,", ",;"))


def test_without_a_scale_there_are_no_markers():
    _, trajectory = filmed()
    analysis = analyse(trajectory, BLAZEPOSE33, AnalysisOptions())
    with pytest.raises(Unprocessable, match="give the athlete's height"):
        markers_of(analysis)


def test_an_athlete_without_contacts_has_a_c3d_without_events(tmp_path):
    gait, trajectory = filmed(seconds=0.1)
    athlete = measure(trajectory, BLAZEPOSE33, AnalysisOptions(athlete_height_m=gait.height_m))
    write_c3d(tmp_path / "short.c3d", markers_of(athlete.analysis), athlete.movement)
    found = ezc3d.c3d(str(tmp_path / "short.c3d"))
    assert found["data"]["points"].shape[2] == 6
    assert "EVENT" not in found["parameters"]


def test_sto_has_every_series(athlete, tmp_path):
    FORMATS["sto"](tmp_path / "a.sto", athlete)
    table = read_mot(tmp_path / "a.sto")
    series = [m for m in athlete.measures if m.is_series]
    assert list(table) == ["time", *(m.name for m in series)]
    for m in series:
        np.testing.assert_allclose(table[m.name], m.values, atol=1e-6, err_msg=m.name)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    gait, trajectory = filmed(seconds=0.5)
    return finished_run(tmp_path_factory.mktemp("runs") / "run", trajectory, gait.height_m)


def test_podium_export_writes_what_was_asked_for(run):
    done = CliRunner().invoke(cli.command, [str(run), "--to", "c3d,trc,zip"])
    assert done.exit_code == 0, done.stderr
    names = ["person0.c3d", "person0.trc", "exports.zip"]
    assert {path.name for path in (run / "exports").iterdir()} == set(names)
    assert done.stdout.splitlines() == [str(run / "exports" / name) for name in names]
    _, markers = read_trc(run / "exports" / "person0.trc")
    assert np.isfinite(markers["RKnee"]).all()
    with zipfile.ZipFile(run / "exports" / "exports.zip") as archive:
        assert archive.testzip() is None
        assert {"person0.c3d", "person0.trc", "measures.csv", "cycles.csv"} <= {*archive.namelist()}
        assert archive.read("person0.c3d") == (run / "exports" / "person0.c3d").read_bytes()


def test_what_one_format_lacks_keeps_no_other_from_being_written(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "unscaled")
    summary = json.loads((copy / "summary.json").read_bytes())
    summary["options"]["athlete_height_m"] = None
    (copy / "summary.json").write_text(json.dumps(summary))
    done = CliRunner().invoke(cli.command, [str(copy), "--to", "trc,sto"])
    assert done.exit_code == 1
    assert "person0.trc is not written: person 0 has no scale" in done.stderr
    assert done.stdout.splitlines() == [str(copy / "exports" / "person0.sto")]
    assert read_mot(copy / "exports" / "person0.sto")


def test_podium_export_explains_what_is_wrong(run, tmp_path):
    assert (*FORMATS, "zip") == cli.FORMATS
    helped = CliRunner().invoke(cli.command, ["--help"]).output
    assert all(f"\n  {name} " in helped for name in cli.FORMATS)
    unknown = CliRunner().invoke(cli.command, [str(tmp_path), "--to", "fbx,trc"])
    assert unknown.exit_code == 2
    assert f"fbx; known are {', '.join(cli.FORMATS)}" in unknown.output
    summary = json.loads((run / "summary.json").read_bytes())
    del summary["options"]
    (tmp_path / "results.json").write_bytes((run / "results.json").read_bytes())
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    older = CliRunner().invoke(cli.command, [str(tmp_path)])
    assert "of another version of Podium" in str(older.exception)
