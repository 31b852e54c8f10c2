"""The trajectory fit on a body that is exactly known, whole and damaged."""

import numpy as np
import pytest

from podium.biomechanics.fit import windows
from podium.biomechanics.fit.result import Why
from podium.biomechanics.fit.trajectory import fit_body
from podium.errors import InvalidInput
from podium.skeletons import BLAZEPOSE33, COCO17
from tests.unit.moving_body import FOCAL_PX, SIZE, squat, walk

JOINTS = [
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
]
ARMS = [
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("shoulder_flexion", "elbow_flexion")
]


def fit(seen, **options):
    options = {"landmarks_m": seen.landmarks, **options}
    return fit_body(seen.keypoints, seen.scores, seen.time_s, seen.skeleton, SIZE, **options)


def rms_deg(fitted, seen, names=JOINTS, frames=slice(None)):
    off = [
        (fitted.angles.degrees[:, fitted.angles.names.index(name)] - seen.degrees(name))[frames]
        for name in names
    ]
    return float(np.sqrt(np.mean(np.square(off))))


def far_side(yaw_deg):
    """The side away from the camera of somebody who faces right at yaw 0."""
    return {"left"} if np.cos(np.radians(yaw_deg)) > 0 else {"right"}


@pytest.mark.parametrize("yaw_deg", [0.0, 45.0, -45.0, 180.0, 135.0])
def test_a_known_motion_comes_back(yaw_deg):
    seen = walk(yaw_deg=yaw_deg, speed=1.0)
    fitted = fit(seen)
    assert fitted.converged
    assert rms_deg(fitted, seen) < 2.5
    assert rms_deg(fitted, seen, ARMS) < 4
    columns = [fitted.angles.names.index(name) for name in JOINTS]
    assert (fitted.angles.why[:, columns] == Why.USABLE).all()
    hidden = {
        name.partition("_")[0]
        for name in ARMS
        if (fitted.angles.why[:, fitted.angles.names.index(name)] == Why.HIDDEN).all()
    }
    assert hidden == (set() if yaw_deg in (0.0, 180.0) else far_side(yaw_deg))
    assert not fitted.unseen.any()
    assert not fitted.swapped.any()


def test_height_makes_metres_and_leaves_angles():
    seen = walk()
    usual, taller = fit(seen), fit(seen, height_m=1.75 * 1.2)

    def thigh_m(fitted):
        hip, knee = (fitted.points.index(f"left_{name}") for name in ("hip", "knee"))
        return np.linalg.norm(fitted.positions_m[:, hip] - fitted.positions_m[:, knee], axis=1)

    np.testing.assert_allclose(thigh_m(taller) / thigh_m(usual), 1.2, rtol=0.02)
    np.testing.assert_allclose(taller.angles.degrees, usual.angles.degrees, atol=3)
    assert taller.height_known
    assert not usual.height_known


def test_known_intrinsics_are_kept():
    seen = walk()
    fitted = fit(seen, intrinsics=(FOCAL_PX, FOCAL_PX, (SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2))
    assert fitted.focal_px == pytest.approx(FOCAL_PX, rel=0.01)


def test_seen_from_the_front_is_refused():
    fitted = fit(walk(yaw_deg=-85.0))
    assert (fitted.angles.why == Why.FRONTAL).all()
    assert np.isnan(fitted.angles.of("left_knee_flexion")).all()


def test_a_moving_camera_is_refused():
    assert (fit(walk(), moving_camera=True).angles.why == Why.MOVING_CAMERA).all()


def test_without_landmarks_and_feet():
    """COCO-17 of a model that is flat: hips and knees; the ankle angle is not seen."""
    seen = walk(yaw_deg=20.0, speed=1.0, skeleton=COCO17)
    fitted = fit(seen, landmarks_m=None)
    names = [name for name in JOINTS if "ankle" not in name]
    assert rms_deg(fitted, seen, names) < 8
    assert np.isfinite(fitted.angles.of("left_knee_flexion")).all()
    ankle = fitted.angles.names.index("left_ankle_dorsiflexion")
    assert (fitted.angles.why[:, ankle] == Why.NOT_SEEN).all()


@pytest.mark.parametrize("first", [0, 20, 55])
def test_wrong_frames_are_left_out(first):
    """Five frames of another place, also at either end of the clip."""
    seen = walk(speed=1.0, noise_px=0.5)
    bad = slice(first, first + 5)
    seen.keypoints[bad] = seen.keypoints[bad][:, ::-1] + (200, -60)
    seen.landmarks[bad] = seen.landmarks[bad][:, ::-1]
    fitted = fit(seen)
    assert fitted.unseen[bad].all()
    assert fitted.unseen.sum() == 5
    good = np.setdiff1d(np.arange(60), np.arange(60)[bad])
    assert rms_deg(fitted, seen, frames=good) < 3.5
    assert any("5 of 60 frames" in note for note in fitted.notes)


def test_a_swapped_leg_is_exchanged():
    seen = walk(speed=1.0, noise_px=0.5)
    for name in ("knee", "ankle", "heel", "foot_index"):
        pair = [BLAZEPOSE33.index[f"{side}_{name}"] for side in ("left", "right")]
        for values in (seen.keypoints, seen.landmarks):
            values[20:30, pair] = values[20:30, pair[::-1]]
    fitted = fit(seen)
    assert fitted.swapped[21:29].all()
    assert fitted.swapped.sum() <= 12
    assert rms_deg(fitted, seen) < 3.5
    assert any("exchanged" in note for note in fitted.notes)


def test_legs_on_one_place_do_not_cross():
    """Key points of both legs halfway between them on one frame, at a high frame rate."""
    seen = walk(frames=120, fps=120.0, speed=1.0, noise_px=0.5)
    for name in ("knee", "ankle", "heel", "foot_index"):
        pair = [BLAZEPOSE33.index[f"{side}_{name}"] for side in ("left", "right")]
        seen.keypoints[30, pair] = seen.keypoints[30, pair].mean(axis=0)
    fitted = fit(seen)
    assert not fitted.swapped.any()
    assert rms_deg(fitted, seen) < 3.5


def test_a_foot_that_jumps_away_for_a_frame_is_left_out():
    """A sixth of the height off: robust weights alone would still be pulled."""
    clean = walk(frames=60, fps=60.0, speed=1.0, noise_px=0.5)
    seen = walk(frames=60, fps=60.0, speed=1.0, noise_px=0.5)
    for name in ("ankle", "heel", "foot_index"):
        seen.keypoints[25, BLAZEPOSE33.index[f"left_{name}"]] += (60, -30)
    near = slice(22, 29)
    apart = fit(seen).angles.degrees[near] - fit(clean).angles.degrees[near]
    assert np.abs(apart).max() < 1


def test_the_first_frame_counts_less():
    """Legs 6 % of the height off, apart from each other: 6 degrees if it counted in full."""
    seen = walk(frames=40, fps=60.0, noise_px=1.0)
    for name in ("knee", "ankle", "heel", "foot_index"):
        for side, away_px in (("left", 25), ("right", -25)):
            seen.keypoints[0, BLAZEPOSE33.index[f"{side}_{name}"], 0] += away_px
    assert rms_deg(fit(seen), seen, frames=slice(0, 1)) < 4.5


def test_noise_degrades_smoothly():
    """Three key points of ten are a tenth of the height off."""
    seen = walk(speed=1.0)
    rng = np.random.default_rng(5)
    hit = rng.random(seen.scores.shape) < 0.3
    seen.keypoints[hit] += 45 * rng.standard_normal((int(hit.sum()), 2))
    fitted = fit(seen)
    assert np.isfinite(fitted.angles.degrees).all()
    assert rms_deg(fitted, seen) < 15
    assert any("jump away" in note for note in fitted.notes)


def test_standing_feet_are_flat():
    """Whatever the line from heel to toe says, which is 6 degrees off."""
    seen = squat(yaw_deg=0.0)
    fitted = fit(seen)
    assert fitted.converged
    assert fitted.contacts.all()
    assert rms_deg(fitted, seen, [f"{side}_ankle_dorsiflexion" for side in ("left", "right")]) < 1


def test_missing_feet():
    seen = walk(speed=1.0)
    for name in ("heel", "foot_index"):
        for side in ("left", "right"):
            seen.keypoints[:, BLAZEPOSE33.index[f"{side}_{name}"]] = np.nan
    fitted = fit(seen)
    assert rms_deg(fitted, seen, [name for name in JOINTS if "ankle" not in name]) < 4
    column = fitted.angles.names.index("right_ankle_dorsiflexion")
    assert (fitted.angles.why[:, column] == Why.NOT_SEEN).all()


@pytest.mark.parametrize("frames", [0, 1, 2, 4])
def test_too_few_frames_are_said(frames):
    fitted = fit(walk(frames=frames))
    assert (fitted.angles.why == Why.TOO_SHORT).all()
    assert "no body was fitted" in fitted.notes[0]


def test_nobody_on_any_frame():
    seen = walk(frames=20)
    seen.keypoints[:] = np.nan
    assert (fit(seen).angles.why == Why.TOO_SHORT).all()


def test_seams_do_not_show(monkeypatch):
    """A clip in overlapping pieces against the same clip in one piece."""
    seen = walk(frames=240, noise_px=1.0)
    whole = fit(seen)
    monkeypatch.setattr(windows, "WHOLE", 100)
    monkeypatch.setattr(windows, "PIECE", 100)
    monkeypatch.setattr(windows, "OVERLAP", 40)
    assert len(windows.pieces(240)) == 4
    pieces = fit(seen)
    columns = [whole.angles.names.index(name) for name in JOINTS]
    off = np.abs(pieces.angles.degrees - whole.angles.degrees)[:, columns]
    assert off.max() < 3
    jerk = [
        np.abs(np.diff(f.angles.degrees[:, columns], n=3, axis=0)).max() for f in (whole, pieces)
    ]
    assert jerk[1] < 1.2 * jerk[0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scores": np.zeros((3, 33))}, "scores"),
        ({"landmarks_m": np.zeros((60, 17, 3))}, "landmarks_m"),
        ({"time_s": np.zeros(60)}, "time_s"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, field):
    seen = walk()
    given = {
        "keypoints_px": seen.keypoints,
        "scores": seen.scores,
        "time_s": seen.time_s,
        "skeleton": seen.skeleton,
        "frame_size": SIZE,
        **change,
    }
    with pytest.raises(InvalidInput) as raised:
        fit_body(**given)
    assert raised.value.field == field
