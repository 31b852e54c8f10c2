"""Key points of the pipelines, through the gateway, against ground truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from podium.lab import scores
from podium.lab.athlete import ground_truth
from podium.lab.athlete.clip import make, write
from podium.lab.athlete.posture import Gait
from podium.skeletons import BLAZEPOSE33
from tests.support.http_calls import post_json

LIMBS = [BLAZEPOSE33.index[name] for name in scores.LIMB_JOINTS]


def ask(stack, pipeline, video, **options):
    url = f"{stack.gateway_url}/v1/pipelines/{pipeline}"
    status, answer = post_json(url, {"uri": Path(video).as_uri(), **options})
    assert status == 200, answer
    return answer


def limbs(answer, key="keypoints"):
    """(T, 12, 3) of the one person of each frame."""
    return np.array([frame["persons"][0][key] for frame in answer["frames"]])[:, LIMBS]


def score(answer, truth):
    frames = [frame["index"] for frame in answer["frames"]]
    return scores.pck(
        limbs(answer)[..., :2],
        truth.limb_keypoints_px()[frames],
        truth.boxes_px[frames],
        0.1,
    )


@pytest.fixture(scope="module", params=["bundled", "three-quarter-front", "three-quarter-rear"])
def rendered(request, clip, tmp_path_factory):
    """A clip of 60 frames and its ground truth."""
    if request.param == "bundled":
        return clip, ground_truth.load(clip.with_suffix(".json"))
    folder = tmp_path_factory.mktemp(request.param)
    athlete = make(Gait(), request.param, frames=60, fps=60, size_px=(1280, 720))
    video, truth = write(athlete, folder, request.param, crf=18)
    return video, ground_truth.load(truth)


def test_rendered_athlete(stack, rendered):
    video, truth = rendered
    every, fourth = (
        ask(stack, "pose-3d", video, stride=stride, athlete="largest") for stride in (1, 4)
    )
    for answer in (every, fourth):
        assert [frame["status"] for frame in answer["frames"]] == ["ok"] * 60
        assert {frame["persons"][0]["track_id"] for frame in answer["frames"]} == {0}
    assert score(every, truth) >= 0.97
    assert score(fourth, truth) >= score(every, truth) - 0.01
    error_mm = scores.mpjpe_mm(limbs(every, "keypoints_3d"), truth.limb_joints_m())
    print(
        f"\n{video.stem}: PCK@0.1 {score(every, truth):.4f} / stride 4 {score(fourth, truth):.4f}"
        f", MPJPE {error_mm:.0f} mm"
    )
    assert error_mm < 130  # 87-117 mm were measured with the original implementation


def test_both_pipelines_agree_in_the_picture(stack, clip):
    flat, deep = (ask(stack, name, clip, count=16) for name in ("pose-2d", "pose-3d"))
    np.testing.assert_allclose(limbs(flat), limbs(deep), atol=1e-3)


def test_a_range_gives_what_the_whole_gives(stack, clip):
    whole = ask(stack, "pose-3d", clip, stride=1)
    part = ask(stack, "pose-3d", clip, stride=1, start=37, count=9)
    assert [frame["index"] for frame in part["frames"]] == list(range(37, 46))
    np.testing.assert_allclose(limbs(part), limbs(whole)[37:46], atol=1e-3)
    times = [frame["time_s"] for frame in whole["frames"]]
    np.testing.assert_allclose(times, np.arange(60) / 60, atol=1e-6)


def test_real_person_is_one_track(stack, shared_data):
    video = shared_data / "real" / "balance_beam_cam01.mp4"
    answer = ask(stack, "pose-3d", video, athlete="largest")
    assert [frame["status"] for frame in answer["frames"]] == ["ok"] * 100
    assert len({frame["persons"][0]["track_id"] for frame in answer["frames"]}) == 1
    bones_m = limbs(answer, "keypoints_3d")
    left_knee, left_ankle = (scores.LIMB_JOINTS.index(f"left_{j}") for j in ("knee", "ankle"))
    shank_m = np.linalg.norm(bones_m[:, left_knee] - bones_m[:, left_ankle], axis=1)
    assert 0.3 < np.median(shank_m) < 0.5


def found_persons(answer, annotations):
    """Annotated persons whose visible key points lie near those of a person of the answer."""
    names = annotations["categories"][0]["keypoints"]
    columns = [BLAZEPOSE33.index[name] for name in names]
    count = 0
    for person in annotations["annotations"]:
        truth = np.array(person["keypoints"], float).reshape(-1, 3)
        seen = truth[:, 2] > 0
        side = max(person["bbox"][2:])
        for candidate in answer["frames"][0]["persons"]:
            points = np.array(candidate["keypoints"])[columns, :2]
            near = np.linalg.norm(points - truth[:, :2], axis=1)[seen] < 0.2 * side
            if near.mean() > 0.5:
                count += 1
                break
    return count


def test_tiles_find_more_persons(stack, shared_data):
    """One large person on the first picture; five persons side by side on the second."""
    annotations = json.loads((shared_data / "real" / "coco_keypoints_2images.json").read_text())
    found = dict.fromkeys(("never", "auto", "always"), 0)
    for image in annotations["images"]:
        persons = [a for a in annotations["annotations"] if a["image_id"] == image["id"]]
        for tiles in found:
            picture = shared_data / "real" / image["file_name"]
            answer = ask(stack, "pose-2d", picture, tiles=tiles)
            assert len(answer["frames"]) == 1
            found[tiles] += found_persons(answer, {**annotations, "annotations": persons})
    print(f"\nannotated persons found, of 6: {found}")
    assert found["never"] >= 2
    assert found["always"] >= found["never"] + 2
