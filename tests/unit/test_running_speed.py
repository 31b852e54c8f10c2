"""The speed of a run, and why there is none where the video cannot say."""

from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.events.movement import Movement
from podium.biomechanics.measures.registry import measure
from podium.biomechanics.measures.running_speed import running_speed
from podium.biomechanics.persons.trajectories import Trajectory
from podium.lab.athlete.film import cameras_of, motion_of
from podium.lab.athlete.gait import JOINTS
from podium.lab.athlete.scenes import SCENES
from podium.postprocess.coverage import better_pipeline, coverage_warnings
from podium.skeletons import COCO17

COLUMNS = [JOINTS.index(name) for name in COCO17.joints]


def person_of(scene, noise_px=0.0, number=0, frames=None):
    """The first athlete of a scene as a pose model would see them with this noise."""
    time_s = np.arange(scene.frames) / scene.fps
    motion = motion_of(scene.runners[0], time_s)
    cameras = cameras_of(scene, motion)
    points = np.ones((len(time_s), len(COLUMNS), 3))
    for frame, camera in enumerate(cameras):
        joints = camera.to_camera(motion.joints_m[frame, COLUMNS])
        points[frame, :, :2] = camera.project(joints)
    points[..., :2] += noise_px * np.random.default_rng(1).standard_normal(points[..., :2].shape)
    seen = np.isin(np.arange(len(time_s)), np.arange(len(time_s)) if frames is None else frames)
    low, high = points[..., :2].min(axis=1), points[..., :2].max(axis=1)
    return scene.runners[0].gait, Trajectory(
        person=number,
        frame_index=np.arange(len(time_s)),
        time_s=time_s,
        boxes=np.concatenate([low, high], axis=1),
        scores=np.where(seen, 1.0, np.nan),
        keypoints=np.where(seen[:, None, None], points, np.nan),
        keypoints_3d=np.full(points.shape, np.nan),
    )


def speed_of(gait, person):
    athlete = measure(person, COCO17, AnalysisOptions(athlete_height_m=gait.height_m))
    return {m.name: m for m in athlete.measures}["running_speed_m_s"]


@pytest.mark.parametrize("name", ["side-43", "side-34-left", "side-25", "enters-leaves"])
@pytest.mark.parametrize("noise_px", [pytest.param(0.0, marks=pytest.mark.slow), 2.0])
def test_a_run_across_the_view_has_its_speed(name, noise_px):
    gait, person = person_of(replace(SCENES[name], size_px=(1280, 720)), noise_px)
    measure = speed_of(gait, person)
    assert measure.value == pytest.approx(gait.speed_m_s, rel=0.04)
    assert not measure.reason


@pytest.mark.parametrize("name", ["squats", "jumps"])
def test_who_stays_on_the_spot_has_no_speed(name):
    exercise, person = person_of(SCENES[name], noise_px=1.0)
    measure = speed_of(exercise, person)
    assert measure.value is None
    assert "on the spot" in measure.reason


def test_one_wrong_frame_is_no_speed():
    gait, person = person_of(SCENES["side-43"])
    points = person.keypoints.copy()
    points[20:22, :, 0] += 60
    assert speed_of(gait, replace(person, keypoints=points)).value == pytest.approx(7.0, rel=0.06)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("front", "not seen from the side"),
        ("rear", "not seen from the side"),
        ("panning", "the feet slide"),
        ("treadmill", "the feet slide"),
    ],
)
def test_where_the_video_cannot_say_the_reason_is_given(name, why):
    measure = speed_of(*person_of(SCENES[name], 1.0))
    assert measure.value is None
    assert why in measure.reason


def test_an_oblique_run_has_no_speed():
    scene = replace(SCENES["side-43"], view="three-quarter-front")
    assert "not seen from the side" in speed_of(*person_of(scene)).reason


def test_less_than_half_a_second_has_no_speed():
    measure = speed_of(*person_of(replace(SCENES["side-43"], frames=25)))
    assert measure.value is None
    assert "half a second" in measure.reason


def test_noise_makes_nobody_faster():
    """The fastest of many half seconds of an even walk; 5 mm of noise alone add 1 % to it."""
    gait, person = person_of(replace(SCENES["side-43"], frames=10))
    analysis = analyse(person, COCO17, AnalysisOptions(athlete_height_m=gait.height_m))
    time_s = np.arange(0, 3.5, 1 / 60)
    m_per_px = 0.005
    even = np.zeros((len(time_s), len(COCO17), 2))
    even[:, :, 0] = 1.3 / m_per_px * time_s[:, None]
    even[:, :, 1] = np.arange(len(COCO17)) * 10
    found = []
    for seed in range(30):
        noise = np.random.default_rng(seed).normal(0, 1, even.shape)
        places = even + noise
        track = replace(
            analysis.plane,
            positions=places,
            measured=places,
            **{name: np.zeros(even.shape[:2], bool) for name in ("filled", "filtered", "outliers")},
        )
        walks = replace(
            analysis,
            trajectory=replace(person, time_s=time_s, keypoints=places),
            plane=track,
            scale=replace(analysis.scale, m_per_px=m_per_px),
            velocity=np.gradient(even, time_s, axis=0),
            view="side",
            sideways=True,
        )
        (speed,) = running_speed(Movement(walks, "still", "still", "still", "still"))
        found.append(speed.value)
        assert speed.n == 31
    assert np.mean(found) == pytest.approx(1.3, abs=0.004)


def test_whoever_else_may_be_meant_is_said():
    scene = replace(SCENES["side-25"], frames=40, size_px=(320, 180))
    _, bystander = person_of(scene, number=0, frames=range(10))
    _, runner = person_of(scene, number=1, frames=range(5, 40))
    (warning,) = coverage_warnings([bystander, runner], [0], 40, "largest")
    assert "person 0 (largest), on 10 of 40 frames; on 30 frames" in warning
    x, y = (runner.boxes[5, :2] + runner.boxes[5, 2:]) / 2
    assert f"Person 1 is seen on 35 frames: --athlete nearest:{x:.0f},{y:.0f}" in warning
    assert not coverage_warnings([bystander, runner], [1], 40, "longest")
    assert not coverage_warnings([bystander, runner], [0, 1], 40, "all")
    assert not coverage_warnings([bystander], [0], 40, "largest")


def test_several_or_small_persons_are_told_of_a_pipeline_for_them():
    scene = replace(SCENES["side-43"], frames=40)
    _, one = person_of(scene)
    _, other = person_of(scene, number=1, frames=range(30, 40))
    _, late = person_of(scene, number=1, frames=range(38, 40))
    _, small = person_of(replace(SCENES["side-43"], frames=40, share=0.2))
    models = {"detection": "blazepose-detector@1", "pose3d": "blazepose-landmark@1"}
    (note,) = better_pipeline([one, other], 40, 720, models)
    assert note.startswith("There are several persons on 10 of 40 frames")
    assert "--pipeline athletes-3d" in note
    assert "podium models pull yolox-nano" in note
    in_picture = {"detection": "blazepose-detector@1", "pose2d": "blazepose-landmark@1"}
    (note,) = better_pipeline([small], 40, 720, in_picture)
    assert note.startswith("Persons are small (0.")
    assert "--pipeline athletes-2d" in note
    assert not better_pipeline([one], 40, 720, models)
    assert not better_pipeline([one, late], 40, 720, models)
    assert not better_pipeline([one, other], 40, 720, models | {"detection": "yolox-nano@1"})
    assert not better_pipeline([], 40, 720, models)
