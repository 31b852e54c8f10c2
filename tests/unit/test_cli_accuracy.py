"""Scores against a ground truth, compared with closed forms and with a count joint by joint."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.errors import InvalidInput
from podium.lab.accuracy import TrueLimbs, read_true_limbs, score
from podium.lab.scores import LIMB_JOINTS
from podium.schemas.results import FrameResult, PersonResult
from podium.skeletons import COCO17

COLUMNS = [COCO17.index[name] for name in LIMB_JOINTS]


def truth(frames: int = 3) -> TrueLimbs:
    rng = np.random.default_rng(0)
    return TrueLimbs(
        keypoints_px=rng.uniform(200, 400, (frames, 12, 2)),
        joints_m=rng.normal(0, 0.5, (frames, 12, 3)),
        boxes_px=np.tile([200.0, 150.0, 300.0, 450.0], (frames, 1)),  # longer side: 300 px
    )


def person(points_px: Any, points_m: Any | None, box: tuple[float, ...]) -> PersonResult:
    def full(points: Any, third: float | None) -> list[tuple[float, float, float]]:
        values = np.zeros((17, 3))
        values[COLUMNS, : points.shape[1]] = points
        if third is not None:
            values[:, 2] = third
        return [tuple(row) for row in values.tolist()]

    return PersonResult(
        track_id=0,
        box=box,  # type: ignore[arg-type]  # pydantic checks the length
        score=1.0,
        keypoints=full(points_px, 0.9),
        keypoints_3d=None if points_m is None else full(points_m, None),
    )


def frames_of(wanted: TrueLimbs, shift_px: float, shift_m: float) -> list[FrameResult]:
    box = tuple(wanted.boxes_px[0])
    return [
        FrameResult(
            index=i,
            time_s=i / 60,
            status="ok",
            persons=[person(px + np.array([shift_px, 0.0]), m + shift_m, box)],
        )
        for i, (px, m) in enumerate(zip(wanted.keypoints_px, wanted.joints_m, strict=True))
    ]


def test_a_perfect_result_has_a_perfect_score() -> None:
    result = score(frames_of(truth(), 0, 0), COCO17, truth())
    assert result is not None
    assert (result.frames, result.found, result.pck_10) == (3, 3, 1.0)
    assert result.mpjpe_mm == pytest.approx(0)


@pytest.mark.parametrize(("shift_px", "pck"), [(29.9, 1.0), (30.1, 0.0)])
def test_a_joint_is_correct_within_a_tenth_of_the_longer_side_of_the_box(
    shift_px: float, pck: float
) -> None:
    result = score(frames_of(truth(), shift_px, 0), COCO17, truth())
    assert result is not None
    assert result.pck_10 == pck


def test_mpjpe_does_not_see_a_common_shift_but_a_raised_wrist() -> None:
    wanted = truth()
    frames = frames_of(wanted, 0, shift_m=2.5)
    wrist = COCO17.index["left_wrist"]
    for frame in frames:
        points = frame.persons[0].keypoints_3d
        assert points is not None
        x, y, z = points[wrist]
        points[wrist] = (x, y + 0.12, z)
    result = score(frames, COCO17, wanted)
    assert result is not None
    assert result.mpjpe_mm == pytest.approx(120 / 12)


def test_a_frame_without_a_person_counts_as_wrong() -> None:
    frames = frames_of(truth(), 0, 0)
    frames[1] = frames[1].model_copy(update={"persons": [], "status": "no_person"})
    result = score(frames, COCO17, truth())
    assert result is not None
    assert (result.frames, result.found) == (3, 2)
    assert result.pck_10 == pytest.approx(2 / 3)


def test_the_person_on_the_true_box_is_scored_not_a_bystander() -> None:
    wanted = truth()
    frames = frames_of(wanted, 0, 0)
    bystander = person(wanted.keypoints_px[0] + 500, None, (700.0, 150.0, 900.0, 600.0))
    for frame in frames:
        frame.persons.insert(0, bystander)
    result = score(frames, COCO17, wanted)
    assert result is not None
    assert result.pck_10 == 1.0


def test_frames_beyond_the_ground_truth_are_left_out() -> None:
    frames = frames_of(truth(), 0, 0)
    assert score(frames[2:], COCO17, truth(2)) is None
    result = score(frames, COCO17, truth(2))
    assert result is not None
    assert result.frames == 2


def test_both_scores_agree_with_a_count_joint_by_joint(clip: Path) -> None:
    wanted = read_true_limbs(clip.with_suffix(".json"))
    assert wanted is not None
    rng = np.random.default_rng(1)
    noisy_px = wanted.keypoints_px + rng.normal(0, 25, wanted.keypoints_px.shape)
    noisy_m = wanted.joints_m + rng.normal(0, 0.1, wanted.joints_m.shape)
    frames = [
        FrameResult(index=i, time_s=0, status="ok", persons=[person(px, m, tuple(box))])
        for i, (px, m, box) in enumerate(zip(noisy_px, noisy_m, wanted.boxes_px, strict=True))
    ]
    result = score(frames, COCO17, wanted)
    assert result is not None
    joints_m = [m - (m[6] + m[7]) / 2 for m in wanted.joints_m]  # 6 and 7 are the hips
    found_m = [m - (m[6] + m[7]) / 2 for m in noisy_m]
    correct = 0
    distances_mm = []
    for i, (left, top, right, bottom) in enumerate(wanted.boxes_px):
        for j in range(12):
            off_px = math.dist(noisy_px[i, j], wanted.keypoints_px[i, j])
            correct += off_px < 0.1 * max(right - left, bottom - top)
            distances_mm.append(1000 * math.dist(found_m[i][j], joints_m[i][j]))
    assert result.pck_10 == pytest.approx(correct / len(distances_mm))
    assert 0.1 < result.pck_10 < 0.99
    assert result.mpjpe_mm == pytest.approx(sum(distances_mm) / len(distances_mm))


def test_other_json_files_beside_a_video_are_not_ground_truth(tmp_path: Path) -> None:
    path = tmp_path / "clip.json"
    for text in ('{"format": "something else"}', "[1, 2]", "not json"):
        path.write_text(text)
        assert read_true_limbs(path) is None


def test_a_damaged_ground_truth_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.json"
    path.write_text(json.dumps({"format": "podium-ground-truth/1", "joints": ["nose"]}))
    with pytest.raises(InvalidInput, match=r"clip\.json: is a damaged ground truth"):
        read_true_limbs(path)
