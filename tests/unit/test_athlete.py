"""The rendered athlete: rigid bones, planted feet, a true camera, and pictures that show it."""

import functools
import json
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from podium.lab.athlete.body import body
from podium.lab.athlete.camera import VIEWS, Camera
from podium.lab.athlete.clip import Clip, make, write
from podium.lab.athlete.gait import run
from podium.lab.athlete.ground_truth import load
from podium.lab.athlete.posture import Gait
from podium.lab.athlete.render import SUPERSAMPLE
from podium.lab.athlete.scene import background
from podium.lab.scores import LIMB_JOINTS, mpjpe_mm, pa_mpjpe_mm, pck

BUNDLED = Path(__file__).parents[2] / "services/podium/lab/athlete/clips" / "sprint.json"
TIME_S = np.arange(240) / 240
BONES = [
    ("shoulder", "elbow", 0.186),
    ("elbow", "wrist", 0.146),
    ("hip", "knee", 0.245),
    ("knee", "ankle", 0.246),
]


def made(view: str = "side", seed: int = 0, frames: int = 4) -> Clip:
    return make(Gait(), view, frames=frames, fps=30, size_px=(320, 180), seed=seed)


small = functools.cache(made)
"""A clip that tests only look at."""


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("start", "end", "share"), BONES)
def test_bones_keep_their_length(side: str, start: str, end: str, share: float) -> None:
    motion = run(Gait(height_m=1.7), TIME_S)
    bone = motion.joint(f"{side}_{end}") - motion.joint(f"{side}_{start}")
    np.testing.assert_allclose(np.linalg.norm(bone, axis=1), share * 1.7, atol=1e-9)


@pytest.mark.parametrize(("speed_m_s", "stride_hz"), [(4.5, 2.0), (5.0, 2.0), (9.0, 2.2)])
def test_the_mid_hip_moves_at_the_stated_speed(speed_m_s: float, stride_hz: float) -> None:
    motion = run(Gait(speed_m_s, stride_hz), TIME_S)
    middle = (motion.joint("left_hip") + motion.joint("right_hip")) / 2
    np.testing.assert_allclose(middle[:, 0], speed_m_s * TIME_S, atol=1e-9)
    np.testing.assert_allclose(middle[:, 1], 0, atol=1e-9)


def test_a_foot_on_the_ground_stands_still_and_feet_alternate() -> None:
    motion = run(Gait(), TIME_S)
    assert not motion.contact.all(axis=1).any()
    assert (~motion.contact).all(axis=1).any()
    for column, side in enumerate(("left", "right")):
        toe, down = motion.joint(f"{side}_foot_index"), motion.contact[:, column]
        still = down[1:] & down[:-1]
        np.testing.assert_allclose(np.diff(toe, axis=0)[still], 0, atol=1e-9)
        assert motion.joint(f"{side}_heel")[:, 2].min() > 0
        assert toe[:, 2].min() > 0
    feet = [
        column
        for frame in np.flatnonzero(motion.contact.any(axis=1))
        for column in np.flatnonzero(motion.contact[frame])
    ]
    changes = np.count_nonzero(np.diff(feet))
    assert changes == 4  # 2 strides: left, right, left, right, left


def test_right_is_left_half_a_stride_later() -> None:
    gait = Gait(5.0, 2.0)
    now, later = run(gait, TIME_S), run(gait, TIME_S + 0.25)
    moved = later.joint("right_wrist") - [5.0 * 0.25, 0, 0]
    np.testing.assert_allclose(moved, now.joint("left_wrist") * [1, -1, 1], atol=1e-9)


def test_joints_move_without_jumps() -> None:
    motion = run(Gait(), np.arange(4000) / 4000)
    speed_m_s = np.linalg.norm(np.diff(motion.joints_m, axis=0), axis=-1) * 4000
    assert speed_m_s.max() < 25


def test_knee_flexion_is_the_angle_between_thigh_and_shank() -> None:
    motion = run(Gait(), TIME_S)
    for column, side in enumerate(("left", "right")):
        thigh = motion.joint(f"{side}_knee") - motion.joint(f"{side}_hip")
        shank = motion.joint(f"{side}_ankle") - motion.joint(f"{side}_knee")
        cross = np.linalg.norm(np.cross(thigh, shank), axis=1)
        angle_deg = np.degrees(np.arctan2(cross, (thigh * shank).sum(axis=1)))
        np.testing.assert_allclose(motion.knee_flexion_deg[:, column], angle_deg, atol=1e-6)


def test_a_walk_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="not a run"):
        run(Gait(speed_m_s=1.5), TIME_S)


@pytest.mark.parametrize("view", VIEWS)
def test_pixels_are_the_projection_of_the_joints(view: str) -> None:
    clip = small(view)
    truth = clip.ground_truth("x.mp4")
    matrix = np.array(
        [
            [truth.focal_px, 0, truth.principal_point_px[0]],
            [0, truth.focal_px, truth.principal_point_px[1]],
            [0, 0, 1],
        ]
    )
    world = clip.motion.joints_m
    seen = np.einsum("ij,tkj->tki", matrix @ truth.rotation, world - truth.position_m)
    np.testing.assert_allclose(truth.keypoints_px, seen[..., :2] / seen[..., 2:], atol=1e-6)
    np.testing.assert_allclose(truth.rotation @ truth.rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(truth.rotation) == pytest.approx(1)
    low, high = truth.boxes_px[:, None, :2], truth.boxes_px[:, None, 2:]
    assert ((truth.keypoints_px > low) & (truth.keypoints_px < high)).all()
    assert truth.boxes_px.min() > 0
    assert (truth.boxes_px[:, 2:] < truth.size_px).all()


def test_views_look_from_where_they_say() -> None:
    def nose_and_hips(view: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        truth = small(view).ground_truth("x.mp4")
        at = dict(zip(truth.joints, np.moveaxis(truth.joints_m, 1, 0), strict=True))
        return at["nose"], at["left_hip"], at["right_hip"]

    _, left, right = nose_and_hips("side")
    assert (right[:, 2] < left[:, 2]).all()  # the right side is nearer
    assert (np.diff(right[:, 0]) > 0).all()  # and the athlete runs to the right
    nose, left, right = nose_and_hips("front")
    assert (left[:, 0] > right[:, 0]).all()
    assert (np.diff(nose[:, 2]) < 0).all()
    nose, *_ = nose_and_hips("three-quarter-rear")
    assert (np.diff(nose[:, 2]) > 0).all()


def test_the_skin_is_closed_and_faces_outward() -> None:
    gait = Gait()
    mesh = body(gait, run(gait, TIME_S[:1]), 0)
    quads = mesh.quads_m - mesh.quads_m.reshape(-1, 3).mean(axis=0)
    a, b, c, d = np.moveaxis(quads, 1, 0)
    volume_m3 = ((a * np.cross(b, c)).sum() + (a * np.cross(c, d)).sum()) / 6
    assert 0.05 < volume_m3 < 0.09  # a body of 1.8 m has about 0.07 m3
    assert quads[..., 2].max() - quads[..., 2].min() == pytest.approx(1.7, abs=0.1)


def test_the_athlete_is_drawn_inside_its_box_and_nowhere_else() -> None:
    clip = small(frames=1)
    picture = next(clip.frames()).astype(int)
    empty = background(clip.camera, SUPERSAMPLE, 0).reshape(180, 2, 320, 2, 3).mean(axis=(1, 3))
    changed = np.abs(picture - empty).max(axis=2) > 25  # noise is 2 grey levels
    left, top, right, bottom = clip.ground_truth("x.mp4").boxes_px[0].round().astype(int)
    assert changed[top:bottom, left:right].mean() > 0.15
    shadowless = changed[: bottom - 20]
    rows, columns = (np.flatnonzero(shadowless.any(axis=axis)) for axis in (1, 0))
    assert abs(rows[0] - top) <= 2
    assert columns[0] >= left - 1
    assert columns[-1] <= right


def test_the_same_seed_gives_the_same_pictures() -> None:
    one, two, other = (list(made(seed=seed, frames=2).frames()) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_a_written_clip_reads_back(tmp_path: Path) -> None:
    clip = small()
    video, truth_path = write(clip, tmp_path, "run", crf=23)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 320, 180)
        assert stream.average_rate == 30
        assert sum(1 for _ in container.decode(stream)) == 4
    exact, read = clip.ground_truth("run.mp4"), load(truth_path)
    np.testing.assert_allclose(read.keypoints_px, exact.keypoints_px, atol=0.0051)
    np.testing.assert_allclose(read.joints_m, exact.joints_m, atol=0.000051)
    assert (read.contact == exact.contact).all()
    assert read.contact_s == pytest.approx(0.51 * 1.8 / 5.0)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"format": "other"}))
    with pytest.raises(ValueError, match="podium-ground-truth/1"):
        load(path)


def test_the_bundled_clip_matches_its_ground_truth() -> None:
    truth = load(BUNDLED)
    video = BUNDLED.with_name(truth.video)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == truth.size_px == (1280, 720)
        assert float(stream.average_rate or 0) == truth.fps == 60
        assert sum(1 for _ in container.decode(stream)) == len(truth.boxes_px) == 60
    assert video.stat().st_size + BUNDLED.stat().st_size < 1_000_000
    assert ((truth.boxes_px[:, 3] - truth.boxes_px[:, 1]) / 720).min() >= 0.45
    middle = (
        truth.joints_m[:, truth.joints.index("left_hip")]
        + truth.joints_m[:, truth.joints.index("right_hip")]
    ) / 2
    travelled_m = float(np.linalg.norm((middle[-1] - middle[0])[[0, 2]]))
    assert travelled_m * truth.fps / 59 == pytest.approx(truth.speed_m_s, abs=0.01)
    camera = Camera(truth.focal_px, truth.size_px, truth.position_m, truth.rotation)
    joints_m = camera.to_camera(run(Gait(), np.arange(60) / 60).joints_m)
    np.testing.assert_allclose(truth.joints_m, joints_m, atol=1e-4)
    np.testing.assert_allclose(truth.keypoints_px, camera.project(joints_m), atol=0.01)


def test_pck_counts_by_the_longer_side_of_the_box() -> None:
    truth = np.zeros((1, 4, 2))
    predicted = np.array([[[0.0, 0], [9.9, 0], [0, 10.1], [np.nan, 0]]])
    assert pck(predicted, truth, np.array([[0.0, 0, 50, 100]]), 0.1) == 0.5


def test_joint_errors_ignore_what_they_should() -> None:
    truth = load(BUNDLED).limb_joints_m()
    assert truth.shape == (60, len(LIMB_JOINTS), 3)
    assert mpjpe_mm(truth + np.array([1.0, 2.0, 3.0]), truth) == pytest.approx(0, abs=1e-9)
    moved = truth.copy()
    moved[:, LIMB_JOINTS.index("left_wrist")] += [0.12, 0, 0]
    assert mpjpe_mm(moved, truth) == pytest.approx(10)
    turned = 1.3 * truth @ Rotation.from_euler("xyz", [20, 50, -70], degrees=True).as_matrix()
    assert mpjpe_mm(turned, truth) > 100
    assert pa_mpjpe_mm(turned + 4, truth) == pytest.approx(0, abs=1e-6)
    assert pa_mpjpe_mm(truth * [-1, 1, 1], truth) > 20  # a mirror image is not a match
