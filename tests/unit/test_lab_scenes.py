"""Scenes of several rendered athletes, and how persons are scored against them."""

from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics.persons.trajectories import Trajectory
from podium.lab.athlete.film import shoot, write_scene
from podium.lab.athlete.gait import JOINTS
from podium.lab.athlete.ground_truth import load_all
from podium.lab.athlete.scenes import SCENES
from podium.lab.athletes_score import in_sight, score_athletes
from podium.skeletons import COCO17

SMALL = {"frames": 6, "size_px": (320, 180)}


def small(name, **changes):
    return shoot(replace(SCENES[name], **SMALL | changes))


def persons_of(truths):
    """Persons exactly where the athletes are."""
    columns = [JOINTS.index(name) for name in COCO17.joints]
    for number, truth in enumerate(truths):
        count = len(truth.boxes_px)
        points = np.dstack([truth.keypoints_px[:, columns], np.ones((count, len(columns)))])
        yield Trajectory(
            person=number,
            frame_index=np.arange(count),
            time_s=np.arange(count) / truth.fps,
            boxes=truth.boxes_px,
            scores=np.where(in_sight(truth), 1.0, np.nan),
            keypoints=points,
            keypoints_3d=np.full(points.shape, np.nan),
        )


def test_athletes_run_as_the_scene_says():
    film = small("crossing", frames=12)
    one, other = film.ground_truth("x.mp4")
    for truth, sign in ((one, 1), (other, -1)):
        hips = truth.joints_m[:, [JOINTS.index("left_hip"), JOINTS.index("right_hip")]].mean(axis=1)
        speed = np.diff(hips, axis=0) * truth.fps
        np.testing.assert_allclose(speed, np.tile([sign * 7.0, 0, 0], (11, 1)), atol=0.6)
        np.testing.assert_allclose(speed[:, 0].mean(), sign * 7.0, rtol=1e-6)


@pytest.mark.parametrize("name", [n for n, s in SCENES.items() if s.view == "side"])
def test_a_standing_athlete_has_the_share_of_the_frame(name):
    scene = SCENES[name]
    camera = shoot(replace(scene, frames=1)).cameras[0]
    y, height_m = scene.runners[0].start_m[1], scene.runners[0].gait.height_m
    ends = camera.to_camera(np.array([[0, y, 0.0], [0, y, height_m]]))
    foot, top = camera.project(ends)[:, 1]
    assert (foot - top) / scene.size_px[1] == pytest.approx(scene.share, rel=0.25)


def test_the_film_shows_athletes_only_where_the_truth_says(tmp_path):
    film = small("crossing", frames=1)
    picture = next(film.frames()).astype(int)
    nobody = next(replace(film, performances=[]).frames()).astype(int)
    changed = np.abs(picture - nobody).max(axis=2) > 40
    boxes = np.stack([truth.boxes_px[0] for truth in film.ground_truth("x.mp4")])
    rows, columns = np.nonzero(changed)
    for box in boxes:  # shadows lie on the ground
        upper = rows < box[[1, 3]].mean()
        near = upper & (np.abs(columns - box[[0, 2]].mean()) < 80)
        assert abs(rows[near].min() - box[1]) < 3
        assert box[0] - 1 < columns[near].min() < columns[near].max() < box[2] + 1


def test_a_camera_that_follows_keeps_the_athlete_in_the_middle():
    film = small("panning")
    truth = film.ground_truth("x.mp4")[0]
    assert truth.rotation.shape == (6, 3, 3)
    middle = (truth.boxes_px[:, 0] + truth.boxes_px[:, 2]) / 2
    assert np.abs(middle - 160).max() < 12


def test_files_of_several_athletes_are_read_back(tmp_path):
    scene = replace(SCENES["overtaking"], frames=2, size_px=(160, 90))
    _, path = write_scene(scene, tmp_path, "two")
    read, exact = load_all(path), shoot(scene).ground_truth("two.mp4")
    assert len(read) == 2
    for a, b in zip(read, exact, strict=True):
        np.testing.assert_allclose(a.keypoints_px, b.keypoints_px, atol=0.006)
        assert a.speed_m_s == b.speed_m_s


def test_the_truth_scores_full_marks():
    truths = small("six-lanes", frames=30).ground_truth("x.mp4")
    score = score_athletes(list(persons_of(truths)), COCO17, truths)
    assert score.frames == sum(int(in_sight(truth).sum()) for truth in truths) > 100
    assert (score.found, score.pck_10) == (score.frames, pytest.approx(1))
    assert (score.ghosts, score.changes, score.exchanges, score.flips) == (0, 0, 0, 0)
    assert score.identities == 6


def test_what_is_wrong_is_counted():
    truths = small("side-43", frames=40).ground_truth("x.mp4")
    (person,) = persons_of(truths)
    mirror = [COCO17.mirror[j] for j in range(len(COCO17))]
    flipped = person.keypoints.copy()
    flipped[10:20] = flipped[10:20][:, mirror]
    gone = person.scores.copy()
    gone[30:35] = np.nan
    score = score_athletes([replace(person, keypoints=flipped, scores=gone)], COCO17, truths)
    assert score.frames - score.found == 5
    assert 6 <= score.flips <= 10  # legs that pass each other cannot be told apart
    late = replace(person, person=7, scores=np.where(np.arange(40) < 20, np.nan, 1.0))
    early = replace(person, scores=np.where(np.arange(40) < 20, 1.0, np.nan))
    score = score_athletes([early, late], COCO17, truths)
    assert (score.identities, score.changes, score.ghosts) == (2, 1, 0)
    ghost = replace(person, person=3, boxes=person.boxes + 100, keypoints=person.keypoints + 100)
    assert score_athletes([person, ghost], COCO17, truths).ghosts == 40
    one, other = small("crossing", frames=8).ground_truth("x.mp4")
    a, b = persons_of([one, other])
    half = {"scores": np.repeat([1, np.nan], 4), "person": 0}
    rest = {"scores": np.repeat([np.nan, 1], 4), "person": 0}
    assert score_athletes([replace(a, **half), replace(b, **rest)], COCO17, [one, other]).exchanges
