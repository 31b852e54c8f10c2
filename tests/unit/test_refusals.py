"""What a clip cannot carry is empty with a reason in the files of a run, and nothing fails."""

import json

import pytest

from podium.postprocess.postprocessor import Postprocessor
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import FrameResult, PipelineResult, SourceResult
from podium.skeletons import BLAZEPOSE33
from tests.support.filmed_athlete import filmed
from tests.support.finished_runs import finished_run

OPTIONS = [name for name in PostprocessOptions.model_fields if "_" in name]
"""What HTTP calls the options: a coach reads words instead."""
STEPS = ("cadence_steps_min", "contact_time_s", "flight_time_s", "step_length_m")


def measures_of(folder, clip):
    """Measure -> its entry in measures.json; each has a value or a reason."""
    gait, trajectory = clip
    run = finished_run(folder / "run", trajectory, gait.height_m)
    assert (run / "report.html").stat().st_size > 1000
    (athlete,) = json.loads((run / "measures.json").read_bytes())["athletes"]
    for entry in athlete["measures"]:
        known = entry["n"] > 0 if entry["kind"] == "series" else entry["value"] is not None
        assert known == (not entry["reason"]), entry["name"]
        assert not [name for name in OPTIONS if name in (entry["reason"] or "")], entry["reason"]
    return {entry["name"]: entry for entry in athlete["measures"]}


def without_left_foot(clip):
    _, trajectory = clip
    for part in ("ankle", "heel", "foot_index"):
        trajectory.keypoints[:, BLAZEPOSE33.index[f"left_{part}"], 2] = 0.0
    return clip


def with_feet_below_the_picture(clip):
    """The pose model guesses them, and is as sure as of all else."""
    _, trajectory = clip
    trajectory.keypoints[..., 1] += 250
    return clip


@pytest.mark.parametrize(
    ("clip", "reasons"),
    [
        (
            lambda: filmed(fps=24, seconds=1),
            {
                "24 frames/s are too few": [*STEPS, "jump_height_m", "sprint_max_speed_m_s"],
            },
        ),
        (
            lambda: filmed(fps=30, seconds=0.6, view="front"),
            {
                "seen from the front": ["left_knee_flexion_deg", "right_knee_flexion_deg"],
                "not seen from the side": [
                    *STEPS,
                    "left_knee_flexion_peak_deg",
                    "hip_speed_mean_m_s",
                    "hip_speed_peak_m_s",
                ],
            },
        ),
        (
            lambda: filmed(seconds=5 / 60),
            {
                "less than 12 frames": [*STEPS, "jump_height_m"],
                "too briefly": ["hip_speed_peak_m_s"],
            },
        ),
        (
            lambda: without_left_foot(filmed(seconds=0.4)),
            {
                "hips and feet are seen together": STEPS,
                "not seen for longer": ["left_ankle_dorsiflexion_deg"],
            },
        ),
        (
            lambda: with_feet_below_the_picture(filmed(seconds=1)),
            {"hips and feet are seen together": STEPS},
        ),
    ],
    ids=["24 frames/s", "front", "5 frames", "one foot", "feet below"],
)
def test_it_is_empty_with_a_reason(clip, reasons, tmp_path):
    found = measures_of(tmp_path, clip())
    for reason, names in reasons.items():
        for name in names:
            assert found[name]["value"] is None, name
            assert reason in (found[name]["reason"] or ""), name
    summary = json.loads((tmp_path / "run" / "summary.json").read_bytes())
    said = [text for text in summary["warnings"] if "no steps and contacts" in text]
    why = next(reason for reason, names in reasons.items() if set(STEPS) <= set(names))
    assert len(said) == (why != "not seen from the side")  # of that knees are warned of
    assert all(why in text for text in said)
    if "not seen for longer" in reasons:
        assert found["right_knee_flexion_deg"]["n"] > 10


def test_nobody_is_no_athlete_and_no_error(tmp_path):
    frames = [FrameResult(index=t, time_s=t / 30, status="ok", persons=[]) for t in range(30)]
    source = SourceResult(width=640, height=480, fps=30, frame_count=30, duration_s=1)
    result = PipelineResult(
        pipeline="pose-2d", skeleton="blazepose33", models={}, source=source, frames=frames
    )
    options = PostprocessOptions(overlay=False, overlay_frames=0)
    Postprocessor().process(tmp_path / "no.mp4", [result], tmp_path, options)
    assert json.loads((tmp_path / "measures.json").read_bytes())["athletes"] == []
    assert "person" in " ".join(json.loads((tmp_path / "summary.json").read_bytes())["warnings"])
