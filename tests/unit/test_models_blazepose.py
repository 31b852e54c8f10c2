"""The BlazePose adapters through ``load_adapter``, on the real weights."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.errors import SetupError
from podium.models.adapter import Adapter, load_adapter
from podium.models.families.blazepose_landmark import refine
from podium.models.manifest import Task
from podium.models.repository import ModelRepository
from podium.types import CropSpec, Letterbox
from podium.vision.affine import crop
from podium.vision.boxes import transform_rois
from podium.vision.letterbox import letterbox

Array = NDArray[Any]
CLIP = Path(__file__).parents[2] / "services/podium/lab/athlete/clips" / "sprint.mp4"


def load(repository: Path, name: str, task: Task) -> Adapter:
    stored = ModelRepository(repository).resolve(name)
    return load_adapter(stored.manifest, stored.verified_weights(), task, OnnxRuntimeSession)


@pytest.fixture(scope="module")
def detector(model_repository: Path) -> Adapter:
    return load(model_repository, "blazepose-detector", "detection")


@pytest.fixture(scope="module")
def pose2d(model_repository: Path) -> Adapter:
    return load(model_repository, "blazepose-landmark", "pose2d")


@pytest.fixture(scope="module")
def pose3d(model_repository: Path) -> Adapter:
    return load(model_repository, "blazepose-landmark", "pose3d")


@pytest.fixture(scope="module")
def frame() -> Array:
    """The athlete in the middle of the clip, cut square."""
    with av.open(str(CLIP)) as container:
        image = next(islice(container.decode(video=0), 30, None)).to_ndarray(format="rgb24")
    height, width = image.shape[:2]
    left = (width - height) // 2
    return image[:, left : left + height].copy()


def detect(detector: Adapter, *frames: Array) -> dict[str, Array]:
    """Detections, with the regions moved into the frames."""
    images, transforms = zip(*(letterbox(f, Letterbox(224)) for f in frames), strict=True)
    found = detector({"images": np.stack(images)})
    found["rois"] = transform_rois(found["rois"], np.stack(transforms)[found["image_index"]])
    return found


def test_publishes_what_callers_need(detector: Adapter, pose2d: Adapter, pose3d: Adapter) -> None:
    assert detector.facts.to_parameters() == {
        "letterbox_size": 224,
        "letterbox_anchor": "center",
        "letterbox_fill": 0,
    }
    assert pose2d.facts == pose3d.facts
    assert pose2d.facts.to_parameters() == {
        "crop_height": 256,
        "crop_width": 256,
        "crop_border": "replicate",
        "roi_scale": 1.5,
        "roi_aspect": 1.0,
        "skeleton": "blazepose33",
        "presence_threshold": 0.5,
    }


@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("which", ["detector", "pose2d", "pose3d"])
def test_outputs_fit_their_specs(request: pytest.FixtureRequest, which: str, rows: int) -> None:
    """Also for an empty batch and for grey pictures without a person."""
    adapter: Adapter = request.getfixturevalue(which)
    (spec,) = adapter.inputs
    outputs = adapter({spec.name: np.full((rows, *spec.shape[1:]), 127, np.uint8)})
    assert list(outputs) == [output.name for output in adapter.outputs]
    for output in adapter.outputs:
        output.check(outputs[output.name])
        assert len(outputs[output.name]) == (0 if which == "detector" else rows)


def test_finds_the_athlete_and_nobody_else(detector: Adapter, frame: Array) -> None:
    empty = np.full_like(frame, 90)
    found = detect(detector, empty, frame, empty, frame[:, ::-1].copy())
    assert found["image_index"].tolist() == [1, 3]
    assert (found["scores"] >= 0.5).all()
    (_, _, w, h, turn), mirrored = found["rois"]
    assert w == h
    assert abs(turn) < 0.6
    assert mirrored[4] == pytest.approx(-turn, abs=0.1)


@pytest.mark.parametrize("quarters", [-1, 1])
def test_rotation_is_clockwise_as_seen(detector: Adapter, frame: Array, quarters: int) -> None:
    upright = detect(detector, frame)["rois"][0]
    turned = detect(detector, np.rot90(frame, -quarters).copy())["rois"][0]
    assert turned[4] - upright[4] == pytest.approx(quarters * np.pi / 2, abs=0.25)


def test_presence_tells_a_person_from_none(
    detector: Adapter, pose2d: Adapter, pose3d: Adapter, frame: Array
) -> None:
    roi = detect(detector, frame)["rois"]
    elsewhere = np.array([[60, 60, 100, 100, 0]], np.float32)
    rois = np.concatenate([roi, elsewhere])
    crops = crop([frame, frame], rois, CropSpec(256, 256, "replicate")).images
    for adapter in (pose2d, pose3d):
        presence = adapter({"images": crops})["presence"]
        assert (presence >= adapter.facts.presence_threshold).tolist() == [True, False]


def test_pose_of_the_athlete(
    detector: Adapter, pose2d: Adapter, pose3d: Adapter, frame: Array
) -> None:
    rois = detect(detector, frame)["rois"]
    crops = crop([frame], rois, CropSpec(256, 256, "replicate")).images
    flat, deep = pose2d({"images": crops}), pose3d({"images": crops})
    np.testing.assert_array_equal(deep["keypoints"], flat["keypoints"])
    np.testing.assert_array_equal(deep["scores"], flat["keypoints"][..., 2])
    x, y, score = flat["keypoints"][0].T
    assert ((score >= 0) & (score <= 1)).all()
    assert ((x > 0) & (x < 256) & (y > 0) & (y < 256)).all()
    nose, left_hip, right_hip, left_ankle = 0, 23, 24, 27
    assert y[nose] < y[left_hip] < y[left_ankle]

    world = deep["keypoints_3d"][0]
    assert np.abs(world[[left_hip, right_hip]].mean(axis=0)).max() < 0.005
    assert 0.4 < np.ptp(world[:, 1]) < 2.2  # metres from head to foot
    assert world[nose, 1] < world[left_ankle, 1]  # y points down


def test_refine_takes_the_centroid_of_the_near_cells() -> None:
    logits = np.full((1, 64, 64, 4), -50, np.float32)
    logits[0, 20, 10, 0] = 50  # row 20, column 10 -> x 40, y 80
    logits[0, 20, 12, 0] = 50
    logits[0, 20, 40, 0] = 50  # too far away to count
    logits[0, 0, 0, 1] = 50  # in the corner
    logits[0, 30, 30, 2] = -1  # too weak
    logits[0, 63, 63, 3] = 50  # the point lies outside
    xy = np.array([[[41, 83], [9, 5], [121, 121], [256, 250]]], np.float32)
    np.testing.assert_allclose(
        refine(xy, logits, 0.5), [[[44, 80], [0, 0], [121, 121], [256, 250]]], atol=1e-3
    )
    assert refine(xy[:0], logits[:0], 0.5).shape == (0, 4, 2)


def test_refine_equals_a_scalar_implementation() -> None:
    """Several pictures, more maps than points, places in and around the crop."""
    random = np.random.default_rng(0)
    logits = random.normal(-1, 2, (3, 64, 64, 6)).astype(np.float32)
    xy = random.uniform(-30, 290, (3, 4, 2)).astype(np.float32)
    expected = xy.astype(np.float64)
    for m, j in np.ndindex(3, 4):
        column, row = (int(value / 4) for value in xy[m, j])
        if not (0 <= column < 64 and 0 <= row < 64):
            continue
        rows = np.arange(max(row - 4, 0), min(row + 5, 64))
        columns = np.arange(max(column - 4, 0), min(column + 5, 64))
        weights = 1 / (1 + np.exp(-logits[m, rows[0] : rows[-1] + 1, columns, j].T.astype(float)))
        assert weights.max() >= 0.5
        share = weights / weights.sum()
        expected[m, j] = 4 * (share.sum(0) @ columns), 4 * (share.sum(1) @ rows)
    assert 6 < (expected != xy).any(axis=-1).sum() < 12, "some lie outside"
    np.testing.assert_allclose(refine(xy, logits, 0.5), expected, atol=1e-3)


def test_models_and_tasks_that_do_not_fit(model_repository: Path) -> None:
    repository = ModelRepository(model_repository)
    detector = repository.resolve("blazepose-detector")
    landmark = repository.resolve("blazepose-landmark")
    with pytest.raises(SetupError, match="blazepose-detector@1 serves detection, not pose2d"):
        load_adapter(detector.manifest, detector.folder, "pose2d", OnnxRuntimeSession)
    swapped = landmark.folder / "model.onnx"
    with pytest.raises(SetupError, match=r"blazepose-detector@1: the weights do not fit.*images"):
        load_adapter(detector.manifest, swapped, "detection", OnnxRuntimeSession)
    unknown = detector.manifest.model_copy(update={"family": "yolo-next"})
    with pytest.raises(SetupError, match=r"'yolo-next'.*blazepose-detector"):
        load_adapter(unknown, swapped, "detection", OnnxRuntimeSession)
