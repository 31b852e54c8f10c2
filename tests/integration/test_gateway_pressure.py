"""A pipeline with a policy for pressure works more cheaply while chunks wait, and says so."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import asynccontextmanager

import pytest

from podium.errors import StageFailed
from podium.lab.bench.workloads import no_op_repository
from podium.local.in_process import local_stages
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import SHIPPED, Pipeline, PipelineRequest, load_pipelines
from podium.types import Media

FRAMES = 32


class CountingDetection:
    """The detection stage, and how many images it has seen."""

    def __init__(self, stage):
        self._stage, self.images = stage, 0

    def __getattr__(self, name):
        return getattr(self._stage, name)

    async def detect(self, model, images):
        self.images += len(images)
        return await self._stage.detect(model, images)


class RenamedPose:
    """The pose stage, whose model ``light`` is the usual one, or one with another skeleton."""

    def __init__(self, stage, skeleton=None):
        self._stage, self._skeleton = stage, skeleton

    async def describe(self, model):
        facts = await self._stage.describe("blazepose-landmark")
        if model == "light" and self._skeleton:
            facts = dataclasses.replace(facts, skeleton=self._skeleton)
        return dataclasses.replace(facts, name=model)

    async def estimate(self, model, images):
        return await self._stage.estimate("blazepose-landmark", images)


@asynccontextmanager
async def a_turn(waited_s):
    await asyncio.sleep(waited_s)
    yield


@pytest.fixture
def stages(model_repository, tmp_path):
    with local_stages(no_op_repository(model_repository, tmp_path)) as stages:
        yield dataclasses.replace(stages, detection=CountingDetection(stages.detection))


def with_policy(**policy):
    document = load_pipelines([SHIPPED])["pose-2d"].model_dump()
    document["spec"]["under_pressure"] = {"after_ms": 20, **policy}
    return Pipeline.model_validate(document)


async def run(stages, clip, pipeline, waited_s, **options):
    return await PipelineRun(
        stages,
        pipeline,
        Media(data=clip.read_bytes()),
        PipelineRequest(count=FRAMES, tiles="never", **options),
        PipelineLimits(chunk_frames=FRAMES),
        a_turn(waited_s),
    ).answer()


async def test_the_stride_grows_for_frames_that_have_waited(stages, clip):
    pipeline = with_policy(stride=16)
    usual = await run(stages, clip, pipeline, 0)
    assert (stages.detection.images, usual.degraded) == (9, [])  # 0, 4, ... 28 and the last one
    busy = await run(stages, clip, pipeline, 0.05)
    assert stages.detection.images == 9 + 3
    assert busy.degraded == [
        "frames 0 to 31: the services were busy, so persons were searched for on every 16th "
        "frame only"
    ]
    assert busy.status == ["ok"] * FRAMES


async def test_the_stride_that_a_request_asks_for_holds(stages, clip):
    answer = await run(stages, clip, with_policy(stride=16), 0.05, stride=2)
    assert (stages.detection.images, answer.degraded) == (17, [])


async def test_a_lighter_model_stands_in(stages, clip):
    light = dataclasses.replace(stages, pose2d=RenamedPose(stages.pose2d))
    answer = await run(light, clip, with_policy(pose_model="light"), 0.05)
    assert answer.models["pose2d"].startswith("light@")
    assert answer.degraded == [
        "frames 0 to 31: the services were busy, so light stood in for blazepose-landmark"
    ]


async def test_a_lighter_model_of_another_skeleton_is_refused(stages, clip):
    other = dataclasses.replace(stages, pose2d=RenamedPose(stages.pose2d, "coco-17"))
    with pytest.raises(StageFailed, match=r"poseModel: light has the skeleton coco-17"):
        await run(other, clip, with_policy(pose_model="light"), 0)
