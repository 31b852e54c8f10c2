"""A pipeline over stages in this process, with models that compute nothing or refuse rows."""

from __future__ import annotations

import asyncio
import dataclasses

import cv2
import numpy as np
import pytest

from podium.errors import Unprocessable
from podium.lab.accuracy_page import results_of
from podium.lab.athlete.film import encode, write_scene
from podium.lab.athlete.scenes import SCENES
from podium.lab.bench.workloads import no_op_repository
from podium.local.in_process import local_stages
from podium.pipelines import slices as slicing
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import SHIPPED, PipelineRequest, load_pipelines
from podium.postprocess.frame_results import merge
from podium.types import Media


@pytest.fixture
def stages(model_repository, tmp_path):
    with local_stages(no_op_repository(model_repository, tmp_path)) as stages:
        yield stages


async def run(stages, data, **options):
    return await PipelineRun(
        stages,
        load_pipelines([SHIPPED])["pose-2d"],
        Media(data=data),
        PipelineRequest(**options),
        PipelineLimits(chunk_frames=16),
    ).answer()


class Refusing:
    """A stage whose engine refuses some rows, as ``rows`` says of the images of a call."""

    def __init__(self, stage, method, rows):
        self._stage, self._method, self._rows = stage, method, rows
        self.calls = 0

    async def describe(self, model):
        return await self._stage.describe(model)

    async def _call(self, model, images):
        self.calls += 1
        rows = self._rows(self.calls, len(images))
        if len(rows) == len(images):
            raise Unprocessable("row 0: the engine refuses it (poison)")
        answer = await getattr(self._stage, self._method)(model, images)
        return dataclasses.replace(answer, failed=dict.fromkeys(rows, "poison"))

    estimate = detect = _call


async def test_only_the_frames_that_are_refused_fail(stages, clip):
    # First come the detection frames 0, 4, 8, 12 and 15, then those between and the refused one.
    rows = {1: [3], 2: [7, 9]}
    poison = Refusing(stages.pose2d, "estimate", lambda call, _: rows.get(call, []))
    answer = await run(dataclasses.replace(stages, pose2d=poison), clip.read_bytes())
    failed = [i for i, status in enumerate(answer.status) if status == "failed"]
    assert failed == [10, 12]
    assert answer.status.count("ok") == 58
    assert {frame["error"] for frame in answer.frames() if frame["status"] == "failed"} == {
        "poison"
    }
    assert answer.degraded == ["an engine refused 2 frame(s)"]


async def test_a_chunk_that_is_refused_whole_leaves_the_others(stages, clip):
    poison = Refusing(stages.pose2d, "estimate", lambda call, n: range(n) if call == 1 else [])
    answer = await run(dataclasses.replace(stages, pose2d=poison), clip.read_bytes(), count=32)
    failed = [i for i, status in enumerate(answer.status) if status == "failed"]
    assert failed == [0, 4, 8, 12, 15]  # those of the call
    assert answer.status.count("ok") == 32 - 5
    blind = Refusing(stages.detection, "detect", lambda _, n: range(n))
    answer = await run(dataclasses.replace(stages, detection=blind), clip.read_bytes(), count=8)
    assert answer.status == ["failed", *["no_person"] * 3, "failed", *["no_person"] * 2, "failed"]


async def test_large_calls_are_cut(stages, clip, monkeypatch):
    whole = await run(stages, clip.read_bytes(), stride=1)
    monkeypatch.setattr(slicing, "_MAX_CALL_BYTES", 5 * 256 * 256 * 3)
    counting = Refusing(stages.pose2d, "estimate", lambda _, n: [])
    cut = await run(dataclasses.replace(stages, pose2d=counting), clip.read_bytes(), stride=1)
    assert counting.calls == 3 * 4 + 3  # chunks of 16, 16, 16 and 12 frames, five at a time
    np.testing.assert_array_equal(cut.persons.keypoints, whole.persons.keypoints)
    assert cut.status == whole.status == ["ok"] * 60


@pytest.mark.parametrize(("width", "height"), [(4000, 10), (10, 4000), (8000, 40), (64, 64)])
async def test_pictures_of_any_shape(stages, width, height):
    _, png = cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))
    counting = Refusing(stages.detection, "detect", lambda _, n: [])
    answer = await run(
        dataclasses.replace(stages, detection=counting), png.tobytes(), tiles="always"
    )
    assert answer.status == ["ok"]
    assert counting.calls == 1  # no tiles
    assert answer.persons.track_ids.tolist() == [0]
    assert not answer.background  # a camera that takes one picture does not move


async def test_frames_far_apart_are_kept(stages, clip):
    answer = await run(stages, clip.read_bytes(), step=13, athlete="largest")
    assert answer.frame_index.tolist() == [0, 13, 26, 39, 52]
    assert answer.status == ["ok"] * 5


async def test_a_camera_that_stands_is_seen_to_stand(stages, clip):
    answer = await run(stages, clip.read_bytes())
    measured = sorted(answer.background)
    assert measured[0] == 0
    assert 8 <= len(measured) <= 17  # about 15 a second
    for place in answer.background.values():
        np.testing.assert_allclose(place, (1, 0, 0, 0), atol=1.5)  # pixels of 1280
    frames = {frame["index"]: frame for frame in answer.frames()}
    assert "background" in frames[0]
    assert "background" not in frames[1]


async def test_a_pan_is_measured_in_pixels_of_the_frame(stages, tmp_path):
    wall = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (360, 1500, 3), np.uint8), (0, 0), 6
    )
    wall = cv2.normalize(wall, None, 0, 255, cv2.NORM_MINMAX)
    path = tmp_path / "pan.mp4"
    encode((wall[:, 12 * i : 12 * i + 640] for i in range(48)), path, (640, 360), 30, 18)
    answer = await run(stages, path.read_bytes())
    measured = sorted(answer.background)
    assert len(measured) >= 12
    shift = [answer.background[frame][2] for frame in measured]
    np.testing.assert_allclose(shift, [12 * frame for frame in measured], atol=12)
    assert all(abs(answer.background[frame][3]) < 6 for frame in measured)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "moves"), [("panning", True), ("side-25", False)])
def test_rendered_cameras(name, moves, model_repository, tmp_path):
    """The pan of the rendered scenes is found, and a camera that stands is not flagged."""
    scene = dataclasses.replace(SCENES[name], frames=20, size_px=(640, 360))
    video, _ = write_scene(scene, tmp_path, name)
    with local_stages(no_op_repository(model_repository, tmp_path)) as stages:
        pipeline = load_pipelines([SHIPPED])["pose-2d"]
        results = asyncio.run(results_of(stages, pipeline, Media(data=video.read_bytes())))
    assert merge(results, max_frames=100).camera.moves is moves
