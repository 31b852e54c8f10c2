"""The fitted body in files for OpenSim, against forward kinematics that are not ours."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from podium.biomechanics.analysis import AnalysisOptions, analyse
from podium.biomechanics.exports.markers import markers_of
from podium.biomechanics.exports.opensim import write_mot, write_trc
from podium.biomechanics.persons.trajectories import Trajectory
from podium.skeletons import BLAZEPOSE33
from tests.support.motion_files import read_mot, read_trc
from tests.unit.moving_body import SIZE, walk


@pytest.fixture(scope="module", params=[20.0, 205.0], ids=["rightwards", "leftwards"])
def fitted(request, tmp_path_factory):
    """A walker with 3D key points in an oblique view, exported, and what is true of them."""
    truth = walk(frames=50, yaw_deg=request.param, speed=0.8)
    frames = len(truth.time_s)
    keypoints = np.concatenate([truth.keypoints, truth.scores[..., None]], axis=-1)
    keypoints = np.where(np.isfinite(keypoints), keypoints, 0.0)
    low, high = np.nanmin(truth.keypoints, axis=1), np.nanmax(truth.keypoints, axis=1)
    trajectory = Trajectory(
        person=0,
        frame_index=np.arange(frames),
        time_s=truth.time_s,
        boxes=np.concatenate([low, high], axis=1),
        scores=np.ones(frames),
        keypoints=keypoints,
        keypoints_3d=truth.landmarks,
    )
    options = AnalysisOptions(athlete_height_m=1.75, frame_size=SIZE)
    analysis = analyse(trajectory, BLAZEPOSE33, options)
    folder = tmp_path_factory.mktemp("fitted")
    write_trc(folder / "a.trc", markers_of(analysis))
    write_mot(folder / "a.mot", analysis)
    return truth, analysis, read_trc(folder / "a.trc")[1], read_mot(folder / "a.mot")


def test_a_fitted_body_is_level_and_goes_ahead_along_x(fitted):
    truth, analysis, markers, coordinates = fitted
    way = markers["Hip"][-1] - markers["Hip"][0]
    assert way[0] == pytest.approx(0.8 * np.ptp(truth.time_s), rel=0.1)
    assert abs(way[2]) < 0.1
    assert (markers["RHip"] - markers["LHip"])[:, 2].mean() > 0.15  # Z is to the right
    height = analysis.fit.positions_m[:, analysis.fit.points.index("right_knee"), 1]
    np.testing.assert_allclose(markers["RKnee"][:, 1], height, atol=1e-5)  # Y is above its floor
    assert np.abs(coordinates["pelvis_rotation"]).max() < 8
    assert np.median(coordinates["pelvis_tilt"]) == pytest.approx(-5, abs=3)
    assert np.median(coordinates["lumbar_extension"]) == pytest.approx(-2, abs=3)
    assert {"Neck", "Nose", "RWrist"} <= set(markers)


def test_the_coordinates_of_opensim_put_the_joints_where_the_markers_are(fitted):
    """Forward kinematics by SciPy alone, with the orders of rotation of Rajagopal's model."""
    _, _, markers, q = fitted
    pelvis = Rotation.from_euler(
        "ZXY",
        np.stack([q[f"pelvis_{name}"] for name in ("tilt", "list", "rotation")], axis=1),
        degrees=True,
    )
    for side, left in (("r", 1), ("l", -1)):
        hip, knee, ankle = (markers[f"{side.upper()}{name}"] for name in ("Hip", "Knee", "Ankle"))
        turns = [q[f"hip_flexion_{side}"], left * q[f"hip_adduction_{side}"]]
        turns.append(left * q[f"hip_rotation_{side}"])
        thigh = pelvis * Rotation.from_euler("ZXY", np.stack(turns, axis=1), degrees=True)
        shank = thigh * Rotation.from_euler("Z", -q[f"knee_angle_{side}"][:, None], degrees=True)
        for turn, above, below in ((thigh, hip, knee), (shank, knee, ankle)):
            length = np.linalg.norm(below - above, axis=1)
            assert np.ptp(length) < 1e-3
            place = above + turn.apply([0, -1, 0]) * length[:, None]
            np.testing.assert_allclose(place, below, atol=2e-3)


def test_joint_angles_of_a_fitted_body_are_those_of_the_tables(fitted):
    truth, analysis, _, q = fitted
    chosen = {s.angle.name: s.chosen.degrees for s in analysis.angles}
    for name, coordinate in (
        ("right_knee_flexion", "knee_angle_r"),
        ("left_elbow_flexion", "elbow_flex_l"),
    ):
        np.testing.assert_allclose(q[coordinate], chosen[name], atol=1e-5)
    off = q["hip_flexion_l"] - truth.degrees("left_hip_flexion")
    assert np.sqrt(np.mean(off**2)) < 3
