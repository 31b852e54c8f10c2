"""Measures of whole movements: the bundled clip against its truth, refusals, uncertainties."""

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.measures.registry import measures_of
from podium.biomechanics.signals.filters import Smoothing
from podium.lab.athlete.posture import Gait
from podium.skeletons import BLAZEPOSE33
from tests.support.filmed_athlete import SPEED_M_S, STRIDE_HZ, filmed


def measures(trajectory, **options):
    options = {
        "athlete_height_m": Gait(speed_m_s=SPEED_M_S, stride_hz=STRIDE_HZ).height_m
    } | options
    analysis = analyse(trajectory, BLAZEPOSE33, AnalysisOptions(**options))
    return {m.name: m for m in measures_of(analysis) if not m.is_series}


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


def gait_reasons(found):
    names = ("cadence_steps_min", "contact_time_s", "step_length_m", "flight_time_s")
    assert all(found[name].value is None for name in names)
    (reason,) = {found[name].reason for name in names}
    return reason


def test_a_run_at_24_frames_a_second_has_no_contacts():
    _, trajectory = filmed(fps=24)
    assert "24 frames/s are too few" in gait_reasons(measures(trajectory, smoothing=Smoothing()))


def test_from_the_front_there_are_no_steps():
    _, trajectory = filmed(view="front")
    assert gait_reasons(measures(trajectory)) == "the athlete is not seen from the side"


def test_five_frames_are_too_few():
    _, trajectory = filmed(seconds=5 / 60)
    assert "less than 12 frames" in gait_reasons(measures(trajectory))


def test_one_foot_out_of_the_picture():
    _, trajectory = filmed()
    for part in ("heel", "foot_index"):
        trajectory.keypoints[:, BLAZEPOSE33.index[f"left_{part}"], 2] = 0.0
    assert "hips and feet are seen together" in gait_reasons(measures(trajectory))


def test_lengths_need_a_scale_and_times_do_not():
    _, trajectory = filmed()
    found = measures(trajectory, athlete_height_m=None)
    assert found["cadence_steps_min"].value == pytest.approx(240, abs=2)
    assert found["step_length_m"].value is None
    assert "athlete_height_m" in found["step_length_m"].reason


NAMES = ("hip_speed_mean_m_s", "cadence_steps_min", "step_time_s", "step_length_m")


def shares_within_95_percent(repetitions):
    """How often a value is within 1.96 sd of the mean of all repetitions, name by name."""
    values, sds = [], []
    for seed in range(repetitions):
        _, trajectory = filmed(seconds=1.2, noise_px=1.0, seed=seed)
        found = measures(trajectory)
        values.append([found[name].value for name in NAMES])
        sds.append([found[name].sd for name in NAMES])
    offsets = np.array(values) - np.mean(values, axis=0)
    return dict(zip(NAMES, np.mean(np.abs(offsets) < 1.96 * np.array(sds), axis=0), strict=True))


def test_stated_uncertainties_are_neither_too_small_nor_huge():
    shares = shares_within_95_percent(repetitions=8)
    assert min(shares.values()) > 0.6


@pytest.mark.slow
def test_stated_95_percent_bands_hold_500_repetitions():
    for name, share in shares_within_95_percent(repetitions=500).items():
        assert 0.9 <= share <= 0.99, name
