"""Networks in this process: rows are divided among threads, and come back as of one call."""

import asyncio

import numpy as np

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.local.in_process import local_stages
from podium.models.adapter import load_adapter
from podium.models.repository import ModelRepository
from podium.types import CropSpec, FrameRange, Letterbox, Media

DETECTOR, LANDMARKS = "blazepose-detector", "blazepose-landmark"
FRAMES = 10


def whole(repository, model, task, images):
    """All rows by one call of the adapter."""
    stored = ModelRepository(repository).resolve(model)
    adapter = load_adapter(stored.manifest, stored.verified_weights(), task, OnnxRuntimeSession)
    return adapter({"images": images})


def test_divided_rows_are_equal_to_those_of_one_call(model_repository, clip):
    async def run(stages):
        batch = await stages.decode.decode(
            Media(data=clip.read_bytes()), FrameRange(0, FRAMES), letterbox=Letterbox(224, "center")
        )
        images = batch.images.copy()
        images[[1, 6]] = 0  # shows nobody
        rois = np.tile(np.array([640, 360, 500, 500, 0.1], np.float32), (FRAMES, 1))
        crops = await stages.decode.crop(
            batch.frames, batch.frame_index, rois, CropSpec(256, 256), release=True
        )
        found = await stages.detection.detect(DETECTOR, images)
        poses = await stages.pose3d.estimate(LANDMARKS, crops.images)
        nobody = await stages.pose3d.estimate(LANDMARKS, crops.images[:0])
        assert len(nobody.keypoints_3d) == 0
        return images, found, crops.images, poses

    with local_stages(model_repository) as stages:
        images, found, crops, poses = asyncio.run(run(stages))
    expected = whole(model_repository, DETECTOR, "detection", images)
    assert set(expected["image_index"].tolist()) == set(range(FRAMES)) - {1, 6}
    for name in ("boxes", "scores", "image_index", "rois"):
        np.testing.assert_array_equal(getattr(found, name), expected[name])
    expected = whole(model_repository, LANDMARKS, "pose3d", crops)
    for name in ("keypoints", "keypoints_3d", "scores", "presence", "rois"):
        np.testing.assert_array_equal(getattr(poses, name), expected[name])
