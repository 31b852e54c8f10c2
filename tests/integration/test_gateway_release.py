"""Frames that nobody will ask crops of are given back at once, however a chunk ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.errors import StageFailed
from podium.lab.bench.workloads import no_op_repository
from podium.local.in_process import local_stages
from podium.pipelines.ranges import PipelineLimits
from podium.pipelines.run import PipelineRun
from podium.pipelines.spec import SHIPPED, PipelineRequest, load_pipelines
from podium.stages import Stages
from podium.stages.detection import DetectorFacts
from podium.stages.pose import PoseFacts
from podium.types import Detections, Media


class Detector:
    """Finds nobody, fails, or never answers."""

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def describe(self, model: str) -> DetectorFacts:
        return DetectorFacts(model, "1", 224, "center", 0)

    async def detect(self, model: str, images: np.ndarray) -> Detections:
        self.asked.set()
        await self.may_answer.wait()
        if self.behaviour == "fails":
            raise StageFailed("detection: broken")
        return Detections(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.int64),
            np.zeros((0, 5), np.float32),
        )


class Pose:
    """Is described, and never asked."""

    async def describe(self, model: str) -> PoseFacts:
        return PoseFacts(model, "1", 256, 256, "replicate", 1.5, 1.0, "blazepose33")


@pytest.fixture
def picture() -> Media:
    _, data = cv2.imencode(".jpg", np.zeros((720, 1280, 3), np.uint8))
    return Media(data=data.tobytes())


async def test_a_single_frame_goes_with_its_crops(model_repository, tmp_path, picture):
    released = []

    class Decode(Decoder):
        async def crop(self, *arguments, release=False):
            crops = await super().crop(*arguments, release=release)
            assert (self._store.bytes == 0) == release
            return crops

        def release(self, frames):
            released.append(self._store.bytes)
            super().release(frames)

    models = no_op_repository(model_repository, tmp_path)
    with local_stages(models) as stages, Decode(DecodeSettings()) as decoder:
        run = PipelineRun(
            replace(stages, decode=decoder),
            load_pipelines([Path(SHIPPED)])["pose-2d"],
            picture,
            PipelineRequest(tiles="never"),
            PipelineLimits(),
        )
        assert (await run.answer()).status == ["ok"]
        assert decoder._store.bytes == 0
    assert len(released) == 1  # by the crop, not by a call of its own


@pytest.mark.parametrize("behaviour", ["finds nobody", "fails", "hangs"])
async def test_frames_do_not_wait_for_their_expiry(picture, behaviour):
    detector = Detector(behaviour)
    with Decoder(DecodeSettings()) as decoder:
        stages = Stages(decoder, detector, Pose(), Pose(), None)
        pipeline = load_pipelines([Path(SHIPPED)])["pose-3d"]
        options = PipelineRequest(count=1, tiles="never")
        run = PipelineRun(stages, pipeline, picture, options, PipelineLimits())
        asking = asyncio.create_task(run.answer())
        await detector.asked.wait()
        assert decoder._store.bytes == 720 * 1280 * 3
        if behaviour == "hangs":
            asking.cancel()
        else:
            detector.may_answer.set()
        outcome = (await asyncio.gather(asking, return_exceptions=True))[0]
        assert isinstance(outcome, BaseException) == (behaviour != "finds nobody")
        for _ in range(200):
            if decoder._store.bytes == 0:
                break
            await asyncio.sleep(0.01)
        assert decoder._store.bytes == 0
