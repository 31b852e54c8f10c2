"""Rendered squats and jumps: their truth by closed forms, and what Podium says of the truth."""

from dataclasses import replace

import numpy as np
import pytest

from podium.lab.athlete.exercise import GRAVITY_M_S2, Jumps, Squats, exercise
from podium.lab.athlete.film import cameras_of, motion_of, shoot
from podium.lab.athlete.scenes import SCENES

TIME_S = np.arange(0, 5, 1 / 400)
BONES = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))


def lengths(motion, one, other):
    return np.linalg.norm(motion.joint(f"left_{one}") - motion.joint(f"left_{other}"), axis=1)


@pytest.mark.parametrize("what", [Squats(), Jumps()], ids=["squats", "jumps"])
def test_bones_keep_their_lengths_and_feet_their_places(what):
    motion = exercise(what, TIME_S)
    for bone in BONES:
        np.testing.assert_allclose(lengths(motion, *bone), lengths(motion, *bone)[0], atol=1e-6)
    down = motion.contact[:, 0]
    toes = motion.joint("left_foot_index")[down]
    np.testing.assert_allclose(toes, np.tile(toes[0], (len(toes), 1)), atol=1e-9)
    assert motion.joints_m[..., 2].min() > 0
    step = np.abs(np.diff(motion.joints_m, axis=0)).max()
    assert step < 6 / 400  # nothing is faster than 6 m/s


def test_squats_are_as_deep_and_as_many_as_said():
    squats = Squats(depth_m=0.4, period_s=2.5)
    hips = exercise(squats, TIME_S).joint("left_hip")[:, 2]
    assert np.ptp(hips) == pytest.approx(0.4, abs=1e-6)
    assert hips.argmin() in (500, 1500)
    assert exercise(squats, TIME_S).knee_flexion_deg.max() > 90


def test_jumps_rise_as_high_as_their_flight_takes_by_newton():
    jumps = Jumps(rise_m=0.35)
    motion = exercise(jumps, TIME_S[jumps.period_s > TIME_S])
    air = ~motion.contact[:, 0]
    assert air.sum() / 400 == pytest.approx(jumps.flight_s, abs=2 / 400)
    assert jumps.flight_s == pytest.approx(np.sqrt(8 * 0.35 / GRAVITY_M_S2))
    middle = motion.joints_m[air].mean(axis=1)[:, 2]  # of a body that keeps its shape
    assert np.ptp(middle) == pytest.approx(0.35, abs=jumps.take_off_m_s / 400)
    rises = np.diff(middle, 2) * 400**2
    np.testing.assert_allclose(rises, -GRAVITY_M_S2, atol=1e-3)


@pytest.mark.parametrize("name", ["squats", "jumps"])
def test_the_athlete_stays_in_the_picture(name):
    scene = SCENES[name]
    time_s = np.arange(scene.frames) / scene.fps
    motion = motion_of(scene.runners[0], time_s)
    camera = cameras_of(scene, motion)[0]
    points = camera.project(camera.to_camera(motion.joints_m))
    assert (points > 10).all()
    assert (points < np.array(scene.size_px) - 10).all()


def test_a_picture_of_a_squat_has_its_truth():
    film = shoot(replace(SCENES["squats"], share=0.6, frames=1, size_px=(320, 180)))
    (truth,) = film.ground_truth("x.mp4")
    assert truth.speed_m_s == 0
    assert truth.stride_hz == pytest.approx(0.5)
    box = truth.boxes_px[0]
    assert (truth.keypoints_px[0] > box[:2] - 1).all()
    assert (truth.keypoints_px[0] < box[2:] + 1).all()
    (picture,) = film.frames()
    assert picture.shape == (180, 320, 3)
