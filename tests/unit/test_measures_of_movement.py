"""Measures of whole movements: the bundled clip against its truth, refusals, uncertainties."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.exports.tables import open_tables
from podium.biomechanics.measures.gait import gait as gait_measures
from podium.biomechanics.measures.registry import dictionary, measure
from podium.biomechanics.signals.filters import Smoothing
from podium.lab.athlete.gait import run
from podium.lab.athlete.posture import Gait
from podium.skeletons import BLAZEPOSE33
from tests.support.filmed_athlete import SPEED_M_S, STRIDE_HZ, filmed


def measures(trajectory, **options):
    options = {
        "athlete_height_m": Gait(speed_m_s=SPEED_M_S, stride_hz=STRIDE_HZ).height_m
    } | options
    athlete = measure(trajectory, BLAZEPOSE33, AnalysisOptions(**options))
    return {m.name: m for m in athlete.measures if not m.is_series}


def test_the_gait_of_the_rendered_athlete():
    gait, trajectory = filmed(fps=120, noise_px=0.5)
    found = measures(trajectory)
    contact_s = gait.duty / STRIDE_HZ
    for name, truth, tolerance in (
        ("cadence_steps_min", 240.0, 2.0),
        ("stride_time_s", 0.5, 0.005),
        ("step_length_m", 1.25, 0.05),
        ("gait_speed_m_s", 5.0, 0.2),
        ("hip_speed_mean_m_s", 5.0, 0.2),
        ("contact_time_s", contact_s, 0.025),
        ("flight_time_s", 0.25 - contact_s, 0.025),
        ("duty_factor", gait.duty, 0.05),
        ("step_time_symmetry_percent", 0.0, 3.0),
        ("contact_time_symmetry_percent", 0.0, 5.0),
    ):
        assert found[name].value == pytest.approx(truth, abs=tolerance), name
        assert 0 < found[name].sd < tolerance, name
        assert found[name].n >= 1
    assert found["double_support_time_s"].reason == "the athlete runs"
    assert found["sprint_max_speed_m_s"].value is None
    assert found["jump_height_m"].reason == "the athlete does not jump on the spot"


def test_joint_angles_by_stride_are_those_of_the_athlete():
    gait, trajectory = filmed(fps=120)
    found = measures(trajectory, smoothing=Smoothing("none"))
    time_s = np.arange(0, 2, 1 / 1000)
    knees = run(gait, time_s).knee_flexion_deg
    contacts = measure(trajectory, BLAZEPOSE33, AnalysisOptions()).movement.gait.contacts
    for side, column in (("left", 0), ("right", 1)):
        knee = found[f"{side}_knee_flexion_peak_deg"]
        assert knee.n >= 2
        assert knee.value == pytest.approx(knees[:, column].max(), abs=1.5)
        spread = found[f"{side}_knee_flexion_range_deg"].value
        assert spread == pytest.approx(np.ptp(knees[:, column]), abs=2)
        contact = found[f"{side}_knee_flexion_at_contact_deg"].value
        times_s = np.array([c.on_s for c in contacts if c.side == side])
        assert contact == pytest.approx(
            run(gait, times_s).knee_flexion_deg[:, column].mean(), abs=2
        )
    assert found["trunk_at_contact_deg"].value == pytest.approx(82, abs=4)


def test_events_are_listed_with_times_between_the_frames(tmp_path):
    gait, trajectory = filmed(fps=120)
    athlete = measure(trajectory, BLAZEPOSE33, AnalysisOptions(athlete_height_m=gait.height_m))
    with open_tables(tmp_path, dictionary(BLAZEPOSE33)) as tables:
        for table in tables:
            table.add(athlete)
    with (tmp_path / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = np.array([float(row["time_s"]) for row in rows])
    frames = np.array([int(row["frame"]) for row in rows])
    assert (np.diff(times) > 0).all()
    assert ((frames - times * 120 >= -1e-2) & (frames - times * 120 < 1.01)).all()
    left = [row["event"] for row in rows if row["side"] == "left"]
    assert left[:4] == ["contact", "toe_off", "contact", "toe_off"]
    assert {row["event"] for row in rows} == {"contact", "toe_off"}


def gait_reasons(found):
    names = ("cadence_steps_min", "contact_time_s", "step_length_m", "flight_time_s")
    assert all(found[name].value is None for name in names)
    (reason,) = {found[name].reason for name in names}
    return reason


def test_a_run_at_24_frames_a_second_has_no_contacts():
    _, trajectory = filmed(fps=24)
    assert "24 frames/s are too few" in gait_reasons(measures(trajectory, smoothing=Smoothing()))


def test_from_the_front_there_are_no_steps():
    true, trajectory = filmed(view="front")
    options = AnalysisOptions(athlete_height_m=true.height_m)
    athlete = measure(trajectory, BLAZEPOSE33, options)
    found = {m.name: m for m in athlete.measures}
    numbers = [m for m in athlete.measures if not m.is_series]
    assert {m.name for m in numbers if m.value is None and m.n is not None} == set()
    assert gait_reasons(found) == "the athlete is not seen from the side"
    knee = found["left_knee_flexion_deg"]
    assert not len(knee.known)
    for name in ("deg_s", "sd_deg", "source", "fit_deg"):  # empty for the reason of the angle
        assert found[f"left_knee_flexion_{name}"].reason == knee.reason
    assert "front" in knee.reason


def test_five_frames_are_too_few():
    _, trajectory = filmed(seconds=5 / 60)
    assert "less than 12 frames" in gait_reasons(measures(trajectory))


def test_one_foot_out_of_the_picture():
    _, trajectory = filmed()
    for part in ("heel", "foot_index"):
        trajectory.keypoints[:, BLAZEPOSE33.index[f"left_{part}"], 2] = 0.0
    assert "hips and feet are seen together" in gait_reasons(measures(trajectory))


def test_strides_before_a_hidden_arm_have_an_oscillation():
    true, trajectory = filmed()
    elbow = BLAZEPOSE33.index["left_elbow"]
    trajectory.keypoints[trajectory.time_s > 1.4, elbow, 2] = 0.0
    options = AnalysisOptions(athlete_height_m=true.height_m)
    movement = measure(trajectory, BLAZEPOSE33, options).movement
    found = {m.name: m for m in gait_measures(movement)}
    part = found["vertical_oscillation_m"]
    assert 1 <= part.n < found["stride_time_s"].n
    assert part.value == pytest.approx(0.040, abs=0.002)  # of all strides
    hidden = replace(movement.feet, mass_centre=np.full_like(movement.feet.hips, np.nan))
    none = {m.name: m for m in gait_measures(replace(movement, feet=hidden))}[
        "vertical_oscillation_m"
    ]
    assert none.value is None
    assert none.n is None
    assert none.reason == "a part of the body is not seen throughout a stride"


def test_lengths_need_a_scale_and_times_do_not():
    _, trajectory = filmed()
    found = measures(trajectory, athlete_height_m=None)
    assert found["cadence_steps_min"].value == pytest.approx(240, abs=2)
    assert found["step_length_m"].value is None
    assert "the athlete's height" in found["step_length_m"].reason


def test_no_event_is_surer_than_those_of_a_pose_model():
    """Key points without noise: what a model errs for some frames on end is not seen in them."""
    _, trajectory = filmed(fps=120)
    found = measures(trajectory)
    strides = found["stride_time_s"].n
    assert found["stride_time_s"].sd > 0.7 * np.sqrt(2) * 0.001 / strides
    assert found["contact_time_symmetry_percent"].sd > 0.5
