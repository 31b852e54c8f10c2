"""Left taken for right is undone; what is right stays."""

from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics.persons.sides import undo_exchanges
from podium.biomechanics.persons.trajectories import Trajectory
from podium.lab.athlete.gait import JOINTS, run
from podium.lab.athlete.posture import Gait
from podium.skeletons import COCO17

PX_PER_M = 150.0
COLUMNS = [JOINTS.index(name) for name in COCO17.joints]
MIRROR = np.array(COCO17.mirror)
LEGS = [
    COCO17.index[f"{side}_{joint}"] for joint in ("knee", "ankle") for side in ("left", "right")
]
LONGEST_S = 0.85
"""Less than half of the clip: sides that are exchanged for longer could as well be right."""


def runner(fps, seconds=2.0, gait=Gait(7.0, 2.1), noise_px=2.0, seed=0):
    """A run seen from the side, to the right, with the noise of a pose model."""
    time_s = np.arange(round(fps * seconds)) / fps
    joints = run(gait, time_s).joints_m[:, COLUMNS]
    rng = np.random.default_rng(seed)
    px = np.stack([joints[..., 0], 3 - joints[..., 2]], axis=-1) * PX_PER_M
    px += noise_px * rng.standard_normal(px.shape)
    camera = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    hips = camera[:, [COCO17.index["left_hip"], COCO17.index["right_hip"]]].mean(axis=1)
    return Trajectory(
        person=0,
        frame_index=np.arange(len(time_s)),
        time_s=time_s,
        boxes=np.concatenate([px.min(axis=1), px.max(axis=1)], axis=1),
        scores=np.ones(len(time_s)),
        keypoints=np.dstack([px, np.ones(px.shape[:2])]),
        keypoints_3d=camera - hips[:, None],
    )


def confused(trajectory, frames, columns=None):
    """Left and right exchanged on some frames, of the whole body or of some columns."""
    points, space = trajectory.keypoints.copy(), trajectory.keypoints_3d.copy()
    moved = np.arange(len(MIRROR)) if columns is None else np.array(columns)
    at, source = np.ix_(frames, moved), np.ix_(frames, MIRROR[moved])
    points[at] = trajectory.keypoints[source]
    if columns is None:
        space[at] = trajectory.keypoints_3d[source]
    else:  # depth follows the trunk
        space[..., :2][at] = trajectory.keypoints_3d[..., :2][source]
    return replace(trajectory, keypoints=points, keypoints_3d=space)


@pytest.mark.parametrize("fps", [24, 30, 60, 120, 240])
@pytest.mark.parametrize("gait", [Gait(4.0, 1.5), Gait(7.0, 2.1), Gait(9.5, 2.3)])
@pytest.mark.parametrize("noise_px", [2.0, 4.0])
def test_nothing_is_invented(fps, gait, noise_px):
    """Also with noise of 1.5 % of the height, as far as legs that pass each other are apart."""
    clean = runner(fps, gait=gait, noise_px=noise_px)
    same, found = undo_exchanges(clean, COCO17)
    assert not (found.body | found.legs | found.arms).any()
    assert same is clean


@pytest.mark.parametrize(
    ("fps", "length"),
    [(fps, length) for fps in (24, 30, 60, 240) for length in (1, 2, 5, 15, 20)
     if length / fps <= LONGEST_S],
)  # fmt: skip
@pytest.mark.parametrize("columns", [None, LEGS], ids=["body", "legs"])
def test_bursts_are_undone(fps, columns, length):
    clean = runner(fps)
    starts = np.arange(4, len(clean) - length - 3, max(3 * length, 7))
    frames = np.concatenate([np.arange(s, s + length) for s in starts])
    mended, found = undo_exchanges(confused(clean, frames, columns), COCO17)
    wrong = np.abs(mended.keypoints - clean.keypoints)[:, LEGS].max(axis=(1, 2))
    # Legs that pass each other within the noise cannot be told apart, nor need they be.
    assert (wrong > 0.15 * clean.height_px).sum() <= 0.03 * len(clean)
    assert found.body.any() if columns is None else found.legs.any()


def half_hidden(trajectory, frames, seed):
    """Frames on which somebody else covers the legs: each is seen roughly, exchanged, one leg for
    both, or not at all. Returns the trajectory and the frames that show both legs."""
    rng = np.random.default_rng(seed)
    fates = rng.choice(4, len(frames), p=[0.3, 0.35, 0.15, 0.2])
    hidden = confused(trajectory, frames[fates == 1], LEGS)
    points, scores = hidden.keypoints.copy(), hidden.scores.copy()
    points[np.ix_(frames, LEGS, [0, 1])] += rng.normal(0, 8, (len(frames), len(LEGS), 2))
    points[np.ix_(frames[fates == 2], LEGS[::2])] = points[np.ix_(frames[fates == 2], LEGS[1::2])]
    points[frames[fates == 3]] = np.nan
    scores[frames[fates == 3]] = np.nan
    both = np.setdiff1d(np.arange(len(trajectory)), frames[fates >= 2])
    return replace(hidden, keypoints=points, scores=scores), both


@pytest.mark.parametrize("fps", [60, 120])
def test_legs_that_somebody_else_hides_are_told_apart_by_the_arms(fps):
    exchanged = left = frames_seen = 0
    for seed in range(8):
        clean = runner(fps, noise_px=2.0, seed=seed)
        at = np.arange(round(0.7 * fps), round(1.1 * fps)) + seed * fps // 30
        hidden, both = half_hidden(clean, at, seed)
        mended, _ = undo_exchanges(hidden, COCO17)
        before, after = (
            np.abs(one.keypoints - clean.keypoints)[both][:, LEGS].max(axis=(1, 2))
            for one in (hidden, mended)
        )
        exchanged += int((before > 0.15 * clean.height_px).sum())
        left += int((after > 0.15 * clean.height_px).sum())
        frames_seen += len(both)
    assert exchanged > 0.06 * frames_seen
    assert left <= 0.01 * frames_seen


@pytest.mark.parametrize("fps", [60, 240])
def test_arms_that_do_not_follow_the_legs_exchange_nothing(fps):
    """For half a second the arms swing the other way: that is no reason to exchange the legs."""
    clean = runner(fps, noise_px=1.0)
    arms = [
        COCO17.index[f"{side}_{joint}"]
        for joint in ("shoulder", "elbow", "wrist")
        for side in ("left", "right")
    ]
    points = clean.keypoints.copy()
    hips = points[:, [COCO17.index["left_hip"], COCO17.index["right_hip"]], :2].mean(axis=1)
    swing = points[:, arms, 0] - hips[:, :1]
    turned = np.clip(1.5 - np.abs(clean.time_s - 1.0) / 0.2, 0, 1)[:, None]  # slowly there and back
    points[:, arms, 0] = hips[:, :1] + swing * (1 - 2 * turned)
    moved = replace(clean, keypoints=points)
    assert undo_exchanges(moved, COCO17)[0] is moved


@pytest.mark.parametrize("fps", [24, 60])
@pytest.mark.parametrize("length", [1, 5, 20])
@pytest.mark.parametrize("columns", [None, LEGS], ids=["body", "legs"])
def test_95_of_100_exchanges_are_undone(fps, length, columns):
    """One exchange anywhere in a clip, of the body or of the legs below the hips."""
    gaits = [Gait(4.0, 1.5), Gait(5.5, 1.7), Gait(7.0, 2.1), Gait(9.5, 2.3)]
    random = np.random.default_rng(length)
    undone = apart = 0
    for trial in range(20):
        clean = runner(fps, gait=gaits[trial % 4], seed=trial)
        start = random.integers(3, len(clean) - length - 3)
        frames = np.arange(start, start + length)
        mended, _ = undo_exchanges(confused(clean, frames, columns), COCO17)
        legs = clean.keypoints[frames][:, LEGS]
        told = np.abs(legs - clean.keypoints[frames][:, MIRROR[LEGS]]).max(axis=(1, 2))
        told = told > 0.05 * clean.height_px  # else both legs are at one place
        wrong = np.abs(mended.keypoints[frames][:, LEGS] - legs).max(axis=(1, 2)) > 1e-9
        undone, apart = undone + (~wrong & told).sum(), apart + told.sum()
    assert undone >= 0.95 * apart


def test_places_and_depths_are_as_they_were():
    clean = runner(60, noise_px=0.5)
    frames = np.arange(30, 60)
    for columns in (None, LEGS):
        mended, found = undo_exchanges(confused(clean, frames, columns), COCO17)
        undone = found.body if columns is None else found.legs
        np.testing.assert_array_equal(np.flatnonzero(undone), frames)
        kept = LEGS if columns else range(17)
        np.testing.assert_allclose(mended.keypoints[:, kept], clean.keypoints[:, kept])
        np.testing.assert_allclose(mended.keypoints_3d[:, kept], clean.keypoints_3d[:, kept])


def test_frames_without_the_person_part_what_belongs_together():
    clean = runner(30)
    gone = clean.scores.copy()
    gone[20:40] = np.nan
    points = np.where(np.isnan(gone)[:, None, None], np.nan, clean.keypoints)
    patchy = replace(clean, scores=gone, keypoints=points)
    assert undo_exchanges(patchy, COCO17)[0] is patchy
    for count in (0, 1, 2, 3):
        short = replace(
            clean,
            frame_index=clean.frame_index[:count],
            time_s=clean.time_s[:count],
            boxes=clean.boxes[:count],
            scores=clean.scores[:count],
            keypoints=clean.keypoints[:count],
            keypoints_3d=clean.keypoints_3d[:count],
        )
        assert undo_exchanges(short, COCO17)[0] is short
