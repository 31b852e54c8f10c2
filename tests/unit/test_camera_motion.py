"""A moving camera: found in the picture, joined over batches, removed, and said."""

import cv2
import numpy as np
import pytest

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.measures.moving_camera import CAMERA_MOVES
from podium.biomechanics.measures.registry import measure
from podium.biomechanics.signals.camera_motion import Background as Batch
from podium.biomechanics.signals.camera_motion import camera_motion
from podium.skeletons import BLAZEPOSE33
from podium.vision.background import Background
from tests.support.filmed_athlete import PX_PER_M, SPEED_M_S, filmed

SIZE = (224, 126)
NOBODY = np.zeros((0, 4))
RANDOM = np.random.default_rng(3)
WALL = cv2.GaussianBlur(RANDOM.integers(0, 255, (400, 1200), np.uint8), (0, 0), 2.5)
WALL = cv2.normalize(WALL, None, 20, 230, cv2.NORM_MINMAX)


def shot(move, noise=2.0):
    """What a camera sees of the wall; ``move`` (2, 3) maps its pixels to those of the wall."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    clean = cv2.warpAffine(WALL, move, SIZE, flags=flags).astype(float)
    return np.clip(clean + RANDOM.normal(0, noise, clean.shape), 0, 255).astype(np.uint8)


def turned(degrees, zoom, x, y):
    move = cv2.getRotationMatrix2D((0, 0), -degrees, zoom)
    move[:, 2] = x, y
    return move


def corners(move):
    width, height = SIZE
    points = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    return points @ move[:, :2].T + move[:, 2]


def test_a_pan_with_turn_and_zoom_is_followed():
    """Over four picture widths, so that key frames must follow each other."""
    background = Background()
    first = turned(0, 1, 20, 80)
    for step in range(81):
        move = turned(0.05 * step, 1 - 0.001 * step, 20 + 10 * step, 80 + step)
        found = background.follow(shot(move), NOBODY)
        want = corners(move) - first[:, 2]
        assert np.abs(corners(found) - want).max() < 1 + 0.02 * 10 * step


def test_a_camera_that_stands_does_not_drift():
    background = Background()
    still = turned(0, 1, 200, 100)
    for _ in range(60):
        found = background.follow(shot(still, noise=6.0), NOBODY)
        assert np.abs(corners(found) - corners(np.eye(2, 3))).max() < 0.3


def test_persons_before_a_still_wall_are_no_motion():
    background = Background()
    body = RANDOM.integers(0, 255, (80, 70), np.uint8)
    for left in range(0, 150, 8):
        picture = shot(turned(0, 1, 200, 100))
        picture[20:100, left : left + 70] = body
        found = background.follow(picture, np.array([[left, 20, left + 70, 100]], float))
        assert np.abs(corners(found) - corners(np.eye(2, 3))).max() < 0.4


def test_before_a_plain_wall_nothing_is_known():
    background = Background()
    plain = np.full(SIZE[::-1], 90, np.uint8)
    assert background.follow(plain, NOBODY) is not None  # the first frame is where it is
    assert all(background.follow(plain, NOBODY) is None for _ in range(3))


def batch(first_s, last_s, place_of, rate=15.0):
    """What one request says of a camera whose picture lies at ``place_of`` of the time."""
    time_s = np.arange(round(first_s * rate), round(last_s * rate)) / rate
    place = np.array([place_of(at) for at in time_s]) + 0j
    return Batch(time_s, np.ones(len(time_s)) + 0j, place - place[0])


@pytest.mark.parametrize("starts", [(0, 2, 4), (0, 1.8, 3.6)])
def test_batches_are_joined(starts):
    """Side by side or overlapping: a pan at a constant speed goes on."""
    motion = camera_motion([batch(at, at + 2, lambda s: 60 * s) for at in starts], (1280, 720))
    assert motion.moves
    assert motion.can_be_removed
    way = np.diff(motion.shift.real) / np.diff(motion.time_s)
    np.testing.assert_allclose(way, 60, atol=1e-6)
    fixed = np.array([[[700.0 - 60 * s, 300.0]] for s in (0.0, 2.5, 5.0)])
    seen = motion.removed(fixed, np.array([0.0, 2.5, 5.0]))
    np.testing.assert_allclose(seen, np.broadcast_to(seen[:1], seen.shape), atol=1e-6)


def test_what_moves_and_what_does_not():
    size = (1280, 720)
    trembling = camera_motion([batch(0, 4, lambda s: 3 * np.sin(9 * s))], size)
    assert not trembling.moves
    far = camera_motion([batch(0, 4, lambda s: 500 * s)], size)
    assert far.moves
    assert not far.can_be_removed
    lost = batch(0, 4, lambda s: 20 * s)
    gone = np.abs(lost.time_s - 2) > 0.6
    lost = Batch(lost.time_s[gone], lost.turn[gone], lost.shift[gone])
    assert not camera_motion([lost], size).can_be_removed
    assert camera_motion([], size) is None


@pytest.fixture(scope="module")
def athletes():
    """One run, filmed by a camera that stands, and by one that follows half of the way."""
    size = (1700, 720)  # wide enough for the way of the runner
    gait, still = filmed(fps=60, seconds=1.5)
    _, panned = filmed(fps=60, seconds=1.5)
    followed = 0.5 * SPEED_M_S * PX_PER_M
    panned.keypoints[..., 0] -= followed * panned.time_s[:, None]
    path = [batch(0, 1.5, lambda s: followed * s)]
    return [
        measure(
            trajectory,
            BLAZEPOSE33,
            AnalysisOptions(
                athlete_height_m=gait.height_m,
                frame_size=size,
                camera=camera_motion(batches, size),
            ),
        )
        for trajectory, batches in ((still, [batch(0, 1.5, lambda s: 0)]), (panned, path))
    ]


def test_speeds_of_a_moving_camera_are_withheld_with_the_reason(athletes):
    still, panned = ({m.name: m for m in athlete.measures} for athlete in athletes)
    assert still["running_speed_m_s"].value == pytest.approx(SPEED_M_S, rel=0.05)
    for name in ("running_speed_m_s", "hip_speed_peak_m_s", "gait_speed_m_s", "step_length_m"):
        assert still[name].value is not None
        assert panned[name].value is None
        assert panned[name].sd is None
        assert panned[name].reason == CAMERA_MOVES
    assert np.isnan(panned["left_ankle_speed_m_s"].values).all()
    assert panned["cadence_steps_min"].value == pytest.approx(still["cadence_steps_min"].value)


def test_the_fitted_body_is_that_of_a_camera_that_stands(athletes):
    still, panned = (athlete.analysis.fit for athlete in athletes)
    assert (panned.contacts == still.contacts).mean() > 0.99
    for name in ("left_knee_flexion", "right_hip_flexion"):
        np.testing.assert_allclose(panned.angles.of(name), still.angles.of(name), atol=1.0)
