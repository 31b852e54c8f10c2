"""Angle definitions on hand-made poses, facing and scale."""

import numpy as np
import pytest

from podium.biomechanics.body.angles import (
    ANGLES,
    angle_in_plane,
    angles_of,
    angular_velocity,
    wrap,
)
from podium.biomechanics.body.facing import facing
from podium.biomechanics.body.scale import ANKLE_TO_SHOULDER, BODY_SHORT, MODEL_SHORT, scale
from podium.skeletons import BLAZEPOSE33, COCO17, H36M17, HALPE26, MUCO21, Skeleton

STANDING = {  # facing right, y down, both sides alike
    "nose": (4, -62),
    "eye_inner": (3, -64),
    "eye": (3, -64),
    "eye_outer": (3, -64),
    "ear": (0, -63),
    "mouth": (3, -58),
    "shoulder": (0, -50),
    "elbow": (0, -25),
    "wrist": (0, 0),
    "pinky": (0, 8),
    "index": (0, 9),
    "thumb": (0, 7),
    "hip": (0, 0),
    "knee": (0, 40),
    "ankle": (0, 80),
    "heel": (-4, 86),
    "foot_index": (16, 86),
}

SEEN = ANKLE_TO_SHOULDER * BODY_SHORT["blazepose33"]


def pose(skeleton: Skeleton = BLAZEPOSE33, **moved: tuple[float, float]) -> np.ndarray:
    """(1, J, 2); a moved joint is moved on both sides."""
    shape = STANDING | moved
    part = [shape[name.removeprefix("left_").removeprefix("right_")] for name in skeleton.joints]
    return np.array(part, float)[None]


def measure(name: str, positions: np.ndarray, faces: float = 1.0) -> float:
    angle = next(a for a in ANGLES if a.name == name)
    faced = np.full(len(positions), faces)
    return float(angle_in_plane(angle, positions, faced, BLAZEPOSE33)[0])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("name", "moved", "degrees"),
    [
        ("knee_flexion", {}, 0),
        ("knee_flexion", {"ankle": (-40, 40)}, 90),  # heel behind the knee
        ("knee_flexion", {"ankle": (6.95, 79.39)}, -10),  # hyperextended
        ("hip_flexion", {}, 0),
        ("hip_flexion", {"knee": (40, 0)}, 90),  # thigh forward
        ("hip_flexion", {"knee": (-20, 34.64)}, -30),  # thigh back: extension
        ("ankle_dorsiflexion", {}, 0),
        ("ankle_dorsiflexion", {"foot_index": (13.32, 76)}, 30),  # toes up
        ("ankle_dorsiflexion", {"foot_index": (-4, 106)}, -90),  # toes pointed
        ("shoulder_flexion", {}, 0),
        ("shoulder_flexion", {"elbow": (25, -50)}, 90),  # arm forward
        ("shoulder_flexion", {"elbow": (0, -75)}, 180),  # arm up
        ("elbow_flexion", {}, 0),
        ("elbow_flexion", {"wrist": (25, -25)}, 90),  # forearm forward
        ("wrist_flexion", {}, 0),
        ("thigh", {}, -90),
        ("shank", {"ankle": (-40, 40)}, 180),
        ("foot", {}, 0),
        ("foot", {"foot_index": (13.32, 76)}, 30),
        ("arm", {}, -90),
    ],
)
def test_angles_of_known_poses(side, name, moved, degrees):
    positions = pose(**moved)
    mirrored = positions * [-1, 1]
    assert measure(f"{side}_{name}", positions) == pytest.approx(degrees, abs=0.1)
    assert measure(f"{side}_{name}", mirrored, faces=-1.0) == pytest.approx(degrees, abs=0.1)


@pytest.mark.parametrize("toward", [1.0, -1.0])
def test_trunk_is_upright_at_90_and_leans_forward_below(toward):
    assert measure("trunk", pose() * [toward, 1], toward) == pytest.approx(90)
    leaning = pose(shoulder=(25, -43.3)) * [toward, 1]
    assert measure("trunk", leaning, toward) == pytest.approx(60, abs=0.1)


def test_pelvis_and_shoulders_stay_within_90_degrees():
    positions = pose()
    positions[0, BLAZEPOSE33.index["left_hip"]] = (-10, 1)
    positions[0, BLAZEPOSE33.index["right_hip"]] = (10, 0)
    assert measure("pelvis", positions) == pytest.approx(np.degrees(np.arctan2(1, 20)))


def test_wrap_keeps_180_and_maps_minus_180_to_it():
    np.testing.assert_allclose(
        wrap(np.array([180.0, -180, 190, -190, 540, 0])), [180, 180, -170, 170, 180, 0]
    )
    np.testing.assert_allclose(wrap(np.array([90.0, -90, 100]), 180), [90, 90, -80])


@pytest.mark.parametrize(
    ("skeleton", "lacks"),
    [
        (COCO17, {"left_foot", "left_ankle_dorsiflexion", "left_wrist_flexion", "left_hand"}),
        (H36M17, {"left_foot", "left_ankle_dorsiflexion", "left_wrist_flexion", "left_hand"}),
        (HALPE26, {"left_wrist_flexion", "left_hand"}),
        (BLAZEPOSE33, set()),
    ],
)
def test_every_skeleton_gives_the_angles_that_its_joints_allow(skeleton, lacks):
    missing = {a.name for a in ANGLES} - {a.name for a in angles_of(skeleton)}
    assert {name for name in missing if name.startswith("left")} == lacks


def test_angular_velocity_passes_through_180_without_a_jump():
    time_s = np.arange(200) / 100
    spin = wrap(200.0 * time_s)
    rate = angular_velocity(spin, time_s, np.zeros(200, bool))
    np.testing.assert_allclose(rate, 200.0)


def test_facing_survives_bad_frames_and_follows_a_real_turn():
    right, left = pose(), pose() * [-1, 1]
    time_s = np.arange(240) / 60
    frames = np.concatenate([np.repeat(right, 120, axis=0), np.repeat(left, 120, axis=0)])
    frames[[30, 31, 32, 33, 34]] = left  # feet misread for five frames
    frames[50:55] = np.nan
    faces = facing(frames, time_s, BLAZEPOSE33)
    assert set(faces[:90]) == {1.0}
    assert set(faces[150:]) == {-1.0}
    assert np.count_nonzero(np.diff(faces)) == 1


def test_facing_without_feet_uses_the_nose():
    frames = np.repeat(pose(COCO17) * [-1, 1], 20, axis=0)
    assert set(facing(frames, np.arange(20) / 30, COCO17)) == {-1.0}


def test_facing_uses_the_nose_while_no_foot_is_seen():
    frames = np.repeat(pose() * [-1, 1], 20, axis=0)
    feet = [n for n, joint in enumerate(BLAZEPOSE33.joints) if "foot" in joint or "heel" in joint]
    frames[:, feet] = np.nan
    assert set(facing(frames, np.arange(20) / 30, BLAZEPOSE33)) == {-1.0}


def test_facing_without_heels_uses_the_ankles():
    frames = np.full((20, len(MUCO21), 2), np.nan)
    for side in ("left", "right"):
        frames[:, MUCO21.index[f"{side}_ankle"]] = (0, 80)
        frames[:, MUCO21.index[f"{side}_big_toe"]] = (-16, 86)
    assert set(facing(frames, np.arange(20) / 30, MUCO21)) == {-1.0}


def test_scale_from_the_athletes_height():
    positions = np.repeat(pose(), 5, axis=0)
    found = scale(
        positions,
        np.full((5, 33, 3), np.nan),
        np.ones(5),
        BLAZEPOSE33,
        box_height_px=150,
        athlete_height_m=1.8,
    )
    assert found.source == "athlete_height"
    assert found.m_per_px == pytest.approx(1.8 * SEEN / 130)  # ankle 80, shoulder -50


def test_scale_from_3d_is_the_length_across_the_view_whatever_the_tilt():
    rng = np.random.default_rng(2)
    space = rng.normal(size=(6, 33, 3))
    found = scale(
        space[..., :2] / 0.004,
        space,
        np.ones(6),
        BLAZEPOSE33,
        box_height_px=500,
        athlete_height_m=None,
    )
    assert found.source == "3d_landmarks"
    assert found.m_per_px == pytest.approx(0.004 / MODEL_SHORT["blazepose33"])


def test_no_scale_without_height_or_3d():
    nothing = np.full((3, 17, 3), np.nan)
    positions = np.repeat(pose(COCO17), 3, axis=0)
    found = scale(positions, nothing, np.ones(3), COCO17, box_height_px=150, athlete_height_m=None)
    assert (found.source, found.m_per_px) == ("none", None)


def test_height_of_an_athlete_who_crouches_all_the_time_still_gives_a_scale():
    crouch = np.repeat(pose(ankle=(-38, 28)), 3, axis=0)  # knee beyond 90 degrees
    nothing = np.full((3, 33, 3), np.nan)
    found = scale(crouch, nothing, np.ones(3), BLAZEPOSE33, box_height_px=150, athlete_height_m=1.8)
    shank = np.hypot(38, 12)
    assert found.m_per_px == pytest.approx(1.8 * SEEN / (shank + 40 + 50))
