"""What the user says of the view decides before what is detected."""

from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.measures.registry import measure
from podium.postprocess.measured_clip import analysis_options
from podium.schemas.postprocess import PostprocessOptions
from podium.skeletons import BLAZEPOSE33
from tests.support.filmed_athlete import filmed


def measures(trajectory, view):
    options = analysis_options(PostprocessOptions(view=view), (1280, 720))
    athlete = measure(trajectory, BLAZEPOSE33, replace(options, athlete_height_m=1.8))
    return athlete, {m.name: m for m in athlete.measures}


@pytest.fixture(scope="module")
def from_the_side():
    return filmed(seconds=0.8)[1]


@pytest.mark.parametrize("view", ["front", "back"])
def test_from_the_front_there_is_no_flexion_no_speed_and_no_step(from_the_side, view):
    athlete, found = measures(from_the_side, view)
    for name in ("running_speed_m_s", "cadence_steps_min"):
        assert found[name].value is None
        assert "not seen from the side" in found[name].reason
    knee = found["left_knee_flexion_deg"]
    assert not len(knee.known)
    assert "front or the rear" in knee.reason
    assert not athlete.movement.analysis.sideways


def test_what_is_said_to_be_a_side_view_is_measured_as_one():
    """A run towards the camera at an angle, which is detected as such."""
    _, oblique = filmed(view="three-quarter-front", seconds=0.8)
    detected, said = (measures(oblique, view) for view in (None, "side"))
    assert "not seen from the side" in detected[1]["running_speed_m_s"].reason
    assert "not seen from the side" not in said[1]["running_speed_m_s"].reason
    assert said[0].movement.analysis.sideways
    knee = next(a for a in said[0].movement.analysis.angles if a.angle.name == "left_knee_flexion")
    known = np.isfinite(knee.chosen.degrees)
    assert known.any()
    np.testing.assert_array_equal(knee.chosen.degrees[known], knee.plane_deg[known])


def test_what_is_said_to_be_oblique_has_the_angles_of_the_fitted_body(from_the_side):
    athlete, found = measures(from_the_side, "oblique")
    knee = next(a for a in athlete.movement.analysis.angles if a.angle.name == "left_knee_flexion")
    known = np.isfinite(knee.chosen.degrees)
    assert known.any()
    np.testing.assert_array_equal(knee.chosen.degrees[known], knee.fit_deg[known])
    assert found["running_speed_m_s"].value is None


def test_nothing_said_is_as_before(from_the_side):
    athlete, found = measures(from_the_side, None)
    assert athlete.movement.analysis.sideways
    assert found["running_speed_m_s"].value is not None
    assert AnalysisOptions().view is None
