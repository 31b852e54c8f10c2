"""Steps in oblique views and jumps in every view, by true key points of a perspective camera."""

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.measures.registry import measure
from podium.lab.athlete.exercise import Jumps, Squats
from podium.lab.athlete.film import cameras_of
from podium.lab.athlete.posture import Gait
from podium.lab.athlete.scenes import Runner, Scene
from podium.skeletons import BLAZEPOSE33
from tests.support.filmed_athlete import filmed_scene

RUN = Gait(5.0, 2.0)


def seen(view, what, *, frames, start_m=(0.0, 0.0), knows_lens=False):
    """The measured athlete, its measures by name, and the true motion."""
    scene = Scene("", (Runner(start_m, what),), 0.45, frames, 60, view=view)
    motion, trajectory = filmed_scene(scene)
    focal_px = cameras_of(scene, motion)[0].focal_px
    width, height = scene.size_px
    options = AnalysisOptions(
        frame_size=scene.size_px,
        athlete_height_m=1.8,
        intrinsics=(focal_px, focal_px, width / 2, height / 2) if knows_lens else None,
    )
    athlete = measure(trajectory, BLAZEPOSE33, options)
    return athlete.movement, {each.name: each for each in athlete.measures}, motion


@pytest.mark.parametrize("view", ["front", "three-quarter-rear"])
def test_a_jump_is_as_high_from_any_view(view):
    movement, found, _ = seen(view, Jumps(), frames=110)
    (jump,) = movement.jumps
    true = Jumps()
    assert jump.take_off_s == pytest.approx(true.take_off_s, abs=0.01)
    assert jump.landing_s == pytest.approx(true.take_off_s + true.flight_s, abs=0.01)
    assert found["jump_height_m"].value == pytest.approx(true.rise_m, abs=0.015)
    assert found["jump_height_m"].sd > 0
    assert isinstance(movement.gait, str)


def test_the_steps_of_an_oblique_run_are_those_of_the_fitted_body():
    movement, found, motion = seen("three-quarter-front", RUN, frames=72, start_m=(-3.0, 0.0))
    assert movement.feet.forward == "body"
    touches = np.argwhere(np.diff(motion.contact.astype(int), axis=0) == 1)
    true_s = {
        side: (touches[touches[:, 1] == n, 0] + 1) / 60 for n, side in enumerate(("left", "right"))
    }
    contacts = movement.gait.contacts
    assert len(contacts) >= 3
    for contact in contacts:
        assert np.abs(true_s[contact.side] - contact.on_s).min() < 0.035
    step_s, cadence = found["step_time_s"], found["cadence_steps_min"]
    assert step_s.value == pytest.approx(0.25, abs=1.96 * step_s.sd)
    assert cadence.value == pytest.approx(240, abs=1.96 * cadence.sd)
    for name in ("step_length_m", "gait_speed_m_s", "step_length_symmetry_percent"):
        assert found[name].value is None
        assert "give the camera's intrinsics" in found[name].reason
    assert "fitted body" in found["contact_time_s"].method
    assert found["vertical_oscillation_m"].value is None
    assert "not seen from the side" in found["sprint_tau_s"].reason
    assert "not seen from the side" in found["left_shank_at_contact_deg"].reason
    knee = found["left_knee_flexion_at_contact_deg"]
    assert knee.sd > found["left_knee_flexion_deg"].sd > 4  # no mean over strides removes it


def test_the_ways_of_an_oblique_run_need_the_lens():
    _, found, _ = seen("three-quarter-front", RUN, frames=72, start_m=(-3.0, 0.0), knows_lens=True)
    for name, true in (("step_length_m", RUN.speed_m_s / 4), ("gait_speed_m_s", RUN.speed_m_s)):
        assert abs(found[name].value - true) < 1.96 * found[name].sd
        assert found[name].sd < 0.07 * true


def test_a_run_towards_the_camera_has_neither_steps_nor_jumps():
    movement, found, _ = seen("front", RUN, frames=60, start_m=(5.0, 0.0))
    assert movement.jumps == ()
    assert found["cadence_steps_min"].value is None
    assert "not seen from the side" in found["cadence_steps_min"].reason


@pytest.mark.parametrize("view", ["side", "three-quarter-front"])
def test_squats_are_no_walk(view):
    movement, found, _ = seen(view, Squats(), frames=130)
    assert movement.gait == "the athlete neither walks nor runs"
    assert movement.jumps == ()
    assert found["knee_bends"].value == 1
