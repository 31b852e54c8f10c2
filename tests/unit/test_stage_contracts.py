"""The contracts of the stages: as documented, and what is said of answers that break them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from podium.errors import FramesGone, NotFound, StageFailed, Unavailable
from podium.schemas.results import SourceResult
from podium.stages.contract import Call
from podium.stages.decode import CROP, DECODE, RELEASE, DecodeClient
from podium.stages.decode_parameters import CropParameters, DecodeParameters, ReleaseParameters
from podium.stages.detection import DETECT, DetectionClient, DetectorFacts
from podium.stages.models import ModelFacts, failed_parameters, read_failed
from podium.stages.pose import POSE2D, POSE3D, Pose2DClient, Pose3DClient, PoseFacts
from podium.stages.postprocess import POSTPROCESS
from podium.types import CropSpec, FrameHandle, FrameRange, Letterbox, Media, SourceFacts
from podium.wire import InferResult

PAGE = Path(__file__).parent.parent.parent / "docs" / "architecture.md"


def parameters(*kinds):
    return [name for kind in kinds for name in kind.model_fields]


def facts(*kinds):
    return [field.name for kind in kinds for field in fields(kind)]


ROWS: dict[str, tuple[Call, list[str], list[str]]] = {
    "decode / `decode`": (DECODE, parameters(DecodeParameters), facts(FrameHandle, SourceFacts)),
    "decode / `crop`": (CROP, parameters(CropParameters), []),
    "decode / `release`": (RELEASE, parameters(ReleaseParameters), []),
    "detection": (DETECT, [], []),
    "pose2d": (POSE2D, [], []),
    "pose3d": (POSE3D, [], []),
    "postprocess": (POSTPROCESS, [], []),
}


def documented(name):
    """The cells after the first one of the row that begins with ``name``."""
    (row,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", PAGE.read_text(), re.M)
    return row.split("|")


def tensors(cell):
    return dict(re.findall(r"`(\w+)` ([A-Z0-9]+\[[^]]*\])", cell))


def other_names(cell):
    return [n for n in re.findall(r"`(\w+)`(?! [A-Z0-9]+\[)", cell) if n != "needs_camera"]


@pytest.mark.parametrize("name", ROWS)
def test_the_page_says_what_the_code_does(name):
    call, asked, answered = ROWS[name]
    for cell, specified, names in zip(
        documented(name), (call.inputs, call.outputs), (asked, answered), strict=True
    ):
        assert tensors(cell) == {tensor.name: tensor.form for tensor in specified}
        assert other_names(cell) == names
        optional = set(re.findall(r"optional `(\w+)`", cell))
        if specified is call.outputs:
            assert optional == {tensor.name for tensor in specified if tensor.by_model}


@pytest.mark.parametrize(("name", "kind"), [("detector", DetectorFacts), ("pose model", PoseFacts)])
def test_the_page_names_the_facts_of_a_model(name, kind):
    (cell,) = documented(name)
    said = facts(kind)[len(facts(ModelFacts)) :]
    mentioned = re.findall(r"`(\w+)`", cell)
    assert [word for word in mentioned if word in said] == said
    assert set(mentioned) - set(said) <= {"presence", "boxes", "intrinsics"}


def test_the_result_says_all_that_is_known_of_the_source():
    said = set(SourceResult.model_fields) - {"width", "height"}
    assert said == set(facts(SourceFacts)) - {"notes"}  # these are in what is degraded


class Server:
    """Answers as it is told, and notes what it is asked."""

    def __init__(self, outputs=None, parameters=None, metadata=None, error=None):
        self.result = InferResult(outputs or {}, parameters or {})
        self.error = error
        self.asked = []
        self._metadata = metadata

    async def infer(self, model, inputs, parameters=None, *, address=None, call=None):
        self.asked.append((model, inputs, parameters, address))
        if self.error is not None:
            raise self.error
        return self.result

    async def metadata(self, model):
        return self._metadata


DETECTIONS = {
    "boxes": np.zeros((2, 4), np.float32),
    "scores": np.ones(2, np.float32),
    "image_index": np.array([0, 2]),
}
IMAGES = np.zeros((3, 8, 8, 3), np.uint8)
KEYPOINTS = np.zeros((3, 17, 3), np.float32)


async def test_what_a_model_lacks_is_none():
    found = await DetectionClient(Server(DETECTIONS)).detect("m", IMAGES)
    assert found.rois is None
    assert found.failed == {}
    poses = await Pose2DClient(Server({"keypoints": KEYPOINTS})).estimate("m", IMAGES)
    assert poses.presence is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": None}, r"detection: the answer lacks scores"),
        ({"scores": np.ones(2)}, r"detection: the answer's scores: has datatype FP64, wanted FP32"),
        ({"scores": np.ones(3, np.float32)}, r"scores: has shape \[3\], wanted \[2\]"),
        ({"boxes": np.ones((2, 5), np.float32)}, r"boxes: has shape \[2, 5\], wanted \[-1, 4\]"),
    ],
)
async def test_an_answer_that_breaks_the_contract_names_the_tensor(change, message):
    outputs = {n: array for n, array in {**DETECTIONS, **change}.items() if array is not None}
    with pytest.raises(StageFailed, match=message):
        await DetectionClient(Server(outputs)).detect("m", IMAGES)


async def test_there_is_a_pose_for_each_crop():
    with pytest.raises(StageFailed, match=r"pose2d: .*keypoints: has shape \[3, 17, 3\]"):
        await Pose2DClient(Server({"keypoints": KEYPOINTS})).estimate("m", IMAGES[:2])


async def test_boxes_are_sent_without_intrinsics_too():
    server = Server(
        {"keypoints_3d": KEYPOINTS, "keypoints": KEYPOINTS, "scores": KEYPOINTS[..., 2]}
    )
    boxes = np.ones((3, 4), np.float32)
    await Pose3DClient(server).estimate("m", IMAGES, boxes)
    await Pose3DClient(server).estimate("m", IMAGES, boxes, np.arange(4, dtype=np.float32))
    without, with_camera = (inputs for _, inputs, *_ in server.asked)
    assert list(without) == ["images", "boxes"]
    assert with_camera["intrinsics"].tolist() == [[0, 1, 2, 3]] * 3


METADATA = {
    "name": "hrnet",
    "versions": ["1", "2"],
    "parameters": {
        "crop_height": 256,
        "crop_width": 192,
        "crop_border": "constant",
        "roi_scale": 1.25,
        "roi_aspect": 0.75,
        "skeleton": "coco17",
        "another": "thing",
    },
}


async def test_facts_come_out_of_the_metadata():
    described = await Pose2DClient(Server(metadata=METADATA)).describe("hrnet")
    assert described == PoseFacts("hrnet", "2", 256, 192, "constant", 1.25, 0.75, "coco17")
    pinned = await Pose2DClient(Server(metadata=METADATA)).describe("hrnet@1")
    assert pinned.reference == "hrnet@1"
    known = {n: v for n, v in METADATA["parameters"].items() if n != "another"}
    assert described.to_parameters() == known
    judging = replace(described, presence_threshold=0.2, needs_camera=True)
    assert PoseFacts.from_parameters("hrnet", "2", judging.to_parameters()) == judging


@pytest.mark.parametrize("fact", [n for n in METADATA["parameters"] if n != "another"])
async def test_a_missing_fact_is_named_and_not_assumed(fact):
    told = {n: v for n, v in METADATA["parameters"].items() if n != fact}
    with pytest.raises(StageFailed, match=f"^model hrnet: its metadata lacks {fact}$"):
        await Pose2DClient(Server(metadata={**METADATA, "parameters": told})).describe("hrnet")


@pytest.mark.parametrize(
    ("fact", "value"), [("skeleton", "spider"), ("crop_height", 0), ("crop_border", "wavy")]
)
async def test_a_wrong_fact_is_named(fact, value):
    told = {**METADATA["parameters"], fact: value}
    with pytest.raises(StageFailed, match=f"model hrnet: its metadata has a wrong {fact}"):
        await Pose2DClient(Server(metadata={**METADATA, "parameters": told})).describe("hrnet")


@pytest.mark.parametrize("metadata", [{}, {"name": "m", "versions": []}, {"name": "m"}])
async def test_malformed_metadata_is_the_fault_of_the_stage(metadata):
    with pytest.raises(StageFailed, match=r"detection: the metadata of m lacks or garbles"):
        await DetectionClient(Server(metadata=metadata)).describe("m")


def test_refused_rows_travel_both_ways():
    failed = {2: "not finite", 5: 'says "no"'}
    assert read_failed(failed_parameters(failed), "pose2d") == failed
    assert failed_parameters({}) == {}
    with pytest.raises(StageFailed, match=r"^pose2d: "):
        read_failed({"failed_rows": "[1, 2]", "failed_reasons": "[]"}, "pose2d")


def test_the_arguments_of_decode_survive_the_wire():
    for frames, letterbox in (
        (FrameRange(7, 12, 3), Letterbox(64, "top_left", 114)),
        (FrameRange(0, None, 1), None),
    ):
        media = Media(uri="file:///clip.mp4", capture_fps=240)
        sent = DecodeParameters.of(media, frames, 4, letterbox).to_wire()
        read = DecodeParameters.model_validate(sent)
        assert (read.frames, read.stride, read.spec) == (frames, 4, letterbox)
        assert read.capture_fps == 240


async def test_a_decode_answer_without_a_fact_is_the_fault_of_the_stage():
    outputs = {
        "images": np.zeros((0, 0, 0, 3), np.uint8),
        "image_frame": np.zeros(0, np.int64),
        "transforms": np.zeros((0, 2, 3), np.float32),
        "frame_index": np.arange(2),
        "time_s": np.zeros(2),
        "frame_ok": np.ones(2, np.bool_),
        "frame_size": np.array([4, 2], np.int32),
    }
    server = Server(outputs, {"handle": "h", "address": "", "expires_ms": 1, "fps": 25.0})
    with pytest.raises(StageFailed, match=r"^decode: the answer lacks frame_count$"):
        await DecodeClient(server).decode(Media(data=b"x"), FrameRange(), stride=1, letterbox=None)


FRAMES = FrameHandle("h", "http://replica:1", 1000)


@pytest.mark.parametrize("error", [NotFound("gone"), Unavailable("no replica")])
async def test_frames_are_gone_with_their_replica(error):
    with pytest.raises(FramesGone):
        await DecodeClient(Server(error=error)).crop(
            FRAMES, np.zeros(0, np.int64), np.zeros((0, 5), np.float32), CropSpec(8, 8)
        )


@pytest.mark.parametrize("error", [None, NotFound("an older replica"), Unavailable("down")])
async def test_a_release_goes_to_the_replica_and_never_fails(error):
    server = Server(error=error)
    DecodeClient(server).release(FRAMES)
    assert server.asked == []  # nothing has waited for it
    for _ in range(3):
        await asyncio.sleep(0)
    assert server.asked == [("release", {}, {"handle": "h"}, "http://replica:1")]
