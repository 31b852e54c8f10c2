"""Frames that nobody will ask crops of are given back at once, however a chunk ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest

from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.errors import StageFailed
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
