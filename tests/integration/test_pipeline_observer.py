"""Who watches a run is told of its phases, and each answer keeps the times that it came with."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from podium.errors import StageFailed
from podium.lab.bench.workloads import no_op_repository
from podium.local.in_process import local_stages
from podium.pipelines.observer import Timing, timed
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import SHIPPED, PipelineRequest, load_pipelines
from podium.types import Media


class Watcher:
    def __init__(self):
        self.phases = []

    def phase(self, name, begin_s, end_s):
        self.phases.append((name, end_s - begin_s))


@asynccontextmanager
async def a_turn():
    await asyncio.sleep(0.02)
    yield


@pytest.fixture
def stages(model_repository, tmp_path):
    with local_stages(no_op_repository(model_repository, tmp_path)) as stages:
        yield stages


async def test_phases_are_told_and_times_grow_from_answer_to_answer(stages, clip):
    watcher = Watcher()
    run = PipelineRun(
        stages,
        load_pipelines([SHIPPED])["pose-2d"],
        Media(data=clip.read_bytes()),
        PipelineRequest(count=48, tiles="never"),
        PipelineLimits(chunk_frames=16, overlap=1),
        observer=watcher,
    )
    answers = [answer async for answer in run.stream()]
    told = Counter(name for name, _ in watcher.phases)
    assert set(told) == {"queue", "decode", "detection", "crop", "pose2d"}
    assert told["queue"] == told["decode"] == told["detection"] == 3  # one a chunk
    assert told["crop"] == told["pose2d"] >= 3
    assert all(seconds >= 0 for _, seconds in watcher.phases)
    calls = [answer.timing_ms["decode"]["calls"] for answer in answers]
    assert calls == sorted(calls)
    assert calls[0] < calls[-1] == 3  # an earlier answer does not change with later ones
    assert "queue" not in answers[-1].timing_ms
    whole = await run.answer()
    assert whole.timing_ms["pose2d"]["calls"] == told["pose2d"]


async def test_the_wait_for_a_turn_is_a_phase(stages, clip):
    watcher = Watcher()
    await PipelineRun(
        stages,
        load_pipelines([SHIPPED])["pose-2d"],
        Media(data=clip.read_bytes()),
        PipelineRequest(count=1),
        PipelineLimits(),
        a_turn(),
        watcher,
    ).answer()
    (queued,) = [seconds for name, seconds in watcher.phases if name == "queue"]
    assert queued >= 0.02


def test_a_phase_that_fails_counts_too():
    timing = Timing()
    with pytest.raises(StageFailed), timed(timing, "decode"):
        raise StageFailed("broken")
    assert timing.stages_ms()["decode"]["calls"] == 1
