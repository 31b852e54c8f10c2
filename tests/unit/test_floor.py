"""The floor line: a tilted camera is found by the feet, and taken out of what depends on it."""

from dataclasses import replace

import numpy as np
import pytest

from podium.biomechanics import analysis
from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.fit.trajectory import fit_body
from podium.biomechanics.measures.registry import measure
from podium.skeletons import BLAZEPOSE33, COCO17
from tests.support.filmed_athlete import filmed

SIZE = (1280, 720)
VERTICAL = ("trunk_at_contact_deg", "left_shank_at_contact_deg", "vertical_oscillation_m")
STRIDES = ("contact_time_s", "cadence_steps_min", "step_length_m", "left_knee_flexion_range_deg")


def rolled(trajectory, degrees):
    """The athlete in the picture of a camera that shows level ground rising to the right."""
    turn = np.radians(degrees)
    middle = np.array(SIZE) / 2
    to_picture = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    pixels = (trajectory.keypoints[..., :2] - middle) @ to_picture.T + middle
    keypoints = np.concatenate([pixels, trajectory.keypoints[..., 2:]], axis=-1)
    boxes = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    return replace(trajectory, keypoints=keypoints, boxes=boxes)


def numbers(trajectory, skeleton=BLAZEPOSE33, **options):
    found = measure(
        trajectory, skeleton, AnalysisOptions(athlete_height_m=1.8, frame_size=SIZE, **options)
    )
    return {m.name: m for m in found.measures}


@pytest.fixture(scope="module", autouse=True)
def one_fit():
    """The body is fitted once: key points without 3D are read in the picture."""
    fits = {}

    def fit(points, scores, time_s, *args, **options):
        if len(time_s) not in fits:
            fits[len(time_s)] = fit_body(points, scores, time_s, *args, **options)
        return fits[len(time_s)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "fit_body", fit)
        yield


@pytest.fixture(scope="module")
def runner():
    return filmed(seconds=1.2, noise_px=1.0)[1]


@pytest.fixture(scope="module")
def level(runner):
    return numbers(runner)


def test_no_tilt_is_invented_of_a_level_camera(level):
    tilt = level["floor_tilt_deg"]
    assert abs(tilt.value) < 0.5
    assert abs(tilt.value) <= 1.96 * tilt.sd
    assert tilt.n >= 4


@pytest.mark.parametrize("degrees", [-5, -3, 3, 5])
def test_a_tilt_is_found_and_taken_out(runner, level, degrees):
    found = numbers(rolled(runner, degrees))
    tilt = found["floor_tilt_deg"]
    assert tilt.value == pytest.approx(degrees, abs=1.96 * tilt.sd)
    assert 1.96 * tilt.sd < 1.5
    for name in (*VERTICAL, *STRIDES):
        band = 0.5 if name.endswith("_deg") else 0.03 * abs(level[name].value)
        assert found[name].value == pytest.approx(level[name].value, abs=band), name


@pytest.mark.parametrize(("said", "more"), [(0.0, 4.0), (4.0, 0.0)])
def test_who_knows_the_camera_decides(runner, level, said, more):
    """Uphill before a level camera the shank leans 4 degrees less; the feet stand as they do."""
    found = numbers(rolled(runner, 4), camera_tilt_deg=said)
    name = "left_shank_at_contact_deg"
    assert found[name].value == pytest.approx(level[name].value + more, abs=0.7)
    assert found["floor_tilt_deg"].value == pytest.approx(4, abs=1)
    steps = found["step_length_m"].value
    assert steps == pytest.approx(level["step_length_m"].value, rel=0.01)


def on_the_spot(trajectory):
    keypoints = trajectory.keypoints.copy()
    keypoints[..., 0] -= BLAZEPOSE33.take(keypoints, "mid_hip")[:, :1]
    keypoints[..., 0] += SIZE[0] / 2
    return replace(trajectory, keypoints=keypoints)


def short(trajectory):
    rows = slice(0, 20)
    arrays = ("frame_index", "time_s", "boxes", "scores", "keypoints", "keypoints_3d")
    return replace(trajectory, **{name: getattr(trajectory, name)[rows] for name in arrays})


def without_toes(trajectory):
    columns = [BLAZEPOSE33.index.get(joint, 0) for joint in COCO17.joints]
    return replace(
        trajectory,
        keypoints=trajectory.keypoints[:, columns],
        keypoints_3d=trajectory.keypoints_3d[:, columns],
    )


@pytest.mark.parametrize(
    ("who", "skeleton", "options", "reason"),
    [
        (on_the_spot, BLAZEPOSE33, {}, "the athlete stays where the floor shows no line"),
        (short, BLAZEPOSE33, {}, "the athlete stays where the floor shows no line"),
        (lambda runner: runner, BLAZEPOSE33, {"view": "oblique"},
         "the athlete is not seen from the side"),
        (without_toes, COCO17, {}, "the key points have no toes"),
    ],
)  # fmt: skip
def test_without_a_line_there_is_a_reason(runner, who, skeleton, options, reason):
    tilt = numbers(who(rolled(runner, 5)), skeleton, **options)["floor_tilt_deg"]
    assert (tilt.value, tilt.reason) == (None, reason)
