"""The converted models and the adapters against the original TFLite files in a TFLite runtime."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.engines.options import EngineOptions
from podium.models.adapter import Adapter, load_adapter
from podium.models.families.blazepose_detector import BlazePoseDetector
from podium.models.manifest import Task
from podium.models.repository import ModelRepository
from podium.zoo.pull_blazepose import ORIGINAL_FILE
from tests.accuracy.blazepose_oracle import Person, TfliteModel, cut, detect, landmarks

Array = NDArray[Any]
CLIP = Path(__file__).parents[2] / "services/podium/lab/athlete/clips" / "sprint.mp4"
PICTURES = ("000000000785.jpg", "000000197388.jpg")
DETECTOR_RANGE = {"scale": 2 / 255, "offset": -1.0}
LANDMARK_RANGE = {"scale": 1 / 255, "offset": 0.0}


def load(repository: Path, name: str, task: Task, max_rows: int = 1) -> Adapter:
    stored = ModelRepository(repository).resolve(name)
    engine = partial(OnnxRuntimeSession, options=EngineOptions(max_rows=max_rows))
    return load_adapter(stored.manifest, stored.verified_weights(), task, engine)


def original(repository: Path, name: str) -> TfliteModel:
    return TfliteModel(ModelRepository(repository).resolve(name).folder / ORIGINAL_FILE)


def some_frames(video: Path, every: int) -> list[Array]:
    with av.open(str(video)) as container:
        return [
            frame.to_ndarray(format="rgb24")
            for index, frame in enumerate(container.decode(video=0))
            if index % every == 0
        ]


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Array]:
    real = shared_data / "real"
    pictures = [cv2.imread(str(real / name))[..., ::-1].copy() for name in PICTURES]
    return [
        *pictures,
        *some_frames(real / "balance_beam_cam01.mp4", 12),
        *some_frames(CLIP, 8),
        np.full((90, 160, 3), 127, np.uint8),  # nobody there
    ]


@dataclass
class Found:
    """What the original path finds on one frame, and the images that it looked at."""

    image: Array  # (224, 224, 3)
    detector_raw: dict[str, Array]
    persons: list[Person]
    to_frame: Array  # image -> frame


@pytest.fixture(scope="module")
def originals(frames: list[Array], model_repository: Path) -> list[Found]:
    model = original(model_repository, "blazepose-detector")
    found = []
    for frame in frames:
        height, width = frame.shape[:2]
        square = (width / 2, height / 2, max(height, width), 0.0)
        image, to_frame = cut(frame, square, 224, cv2.BORDER_CONSTANT)
        raw = model.run(image, **DETECTOR_RANGE)
        found.append(Found(image, raw, detect(raw, 224), to_frame))
    return found


def roi_in_frame(roi: Array, to_frame: Array) -> tuple[float, float, float, float]:
    """(cx, cy, side, rotation) of an image, moved into its frame; letterboxes do not turn."""
    scale = to_frame[0, 0]
    x, y = to_frame[:, :2] @ roi[:2] + to_frame[:, 2]
    return float(x), float(y), float(roi[2] * scale), float(roi[3])


def test_raw_tensors_of_the_detector(originals: list[Found], model_repository: Path) -> None:
    stored = ModelRepository(model_repository).resolve("blazepose-detector")
    session = OnnxRuntimeSession(stored.verified_weights())
    ours = session.run({"images": np.stack([found.image for found in originals])})
    for name, source in (("regressors", "Identity"), ("logits", "Identity_1")):
        wanted = np.stack([found.detector_raw[source] for found in originals])
        np.testing.assert_allclose(ours[name], wanted, rtol=0, atol=0.005)


def test_detector_decides_alike(originals: list[Found], model_repository: Path) -> None:
    adapter = load(model_repository, "blazepose-detector", "detection")
    images = np.stack([found.image for found in originals])
    ours = adapter({"images": images})
    counts = np.bincount(ours["image_index"], minlength=len(images)).tolist()
    assert counts == [len(found.persons) for found in originals]
    assert 10 <= sum(map(bool, counts)) < len(counts)  # the pictures test both answers

    wanted = [person for found in originals for person in found.persons]
    np.testing.assert_allclose(ours["scores"], [p.score for p in wanted], atol=1e-4)
    rois = ours["rois"][:, [0, 1, 2, 4]]
    np.testing.assert_allclose(rois, [p.roi for p in wanted], atol=0.01)
    np.testing.assert_array_equal(ours["rois"][:, 2], ours["rois"][:, 3])
    box_side = ours["boxes"][:, 2:] - ours["boxes"][:, :2]
    np.testing.assert_allclose(box_side, ours["rois"][:, 2:4] / 1.25, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_detector_merges_crowds_alike(seed: int, model_repository: Path) -> None:
    """Made-up network outputs with many persons close together, which pictures do not give."""
    rng = np.random.default_rng(seed)
    images, anchors = 3, 2254
    regressors = rng.normal(0, 6, (images, anchors, 12)).astype(np.float32)
    regressors[..., 2:4] = rng.uniform(20, 60, (images, anchors, 2))  # sizes of faces
    logits = rng.normal(-6, 3, (images, anchors, 1)).astype(np.float32)
    logits[1] = -150  # nobody, beyond what the sigmoid may see

    adapter = load(model_repository, "blazepose-detector", "detection")
    assert isinstance(adapter, BlazePoseDetector)
    ours = adapter.postprocess(regressors, logits)
    wanted = [
        detect({"Identity": boxes, "Identity_1": scores}, 224)
        for boxes, scores in zip(regressors, logits, strict=True)
    ]
    counts = np.bincount(ours["image_index"], minlength=images).tolist()
    assert counts == [len(persons) for persons in wanted]
    assert counts[1] == 0
    assert min(counts[0], counts[2]) > 5
    flat = [person for persons in wanted for person in persons]
    np.testing.assert_allclose(ours["scores"], [p.score for p in flat], atol=1e-5)
    np.testing.assert_allclose(
        ours["rois"][:, [0, 1, 2, 4]], [p.roi for p in flat], rtol=1e-4, atol=1e-3
    )


def test_raw_tensors_of_the_landmark_model(
    frames: list[Array], originals: list[Found], model_repository: Path
) -> None:
    crops = person_crops(frames, originals)
    model = original(model_repository, "blazepose-landmark")
    stored = ModelRepository(model_repository).resolve("blazepose-landmark")
    ours = OnnxRuntimeSession(stored.verified_weights()).run({"images": crops})
    wanted = [model.run(crop, **LANDMARK_RANGE) for crop in crops]
    for name, source, limit in (
        ("landmarks", "Identity", 0.02),
        ("presence", "Identity_1", 1e-4),
        ("heatmaps", "Identity_3", 0.005),
        ("world", "Identity_4", 1e-4),
    ):
        np.testing.assert_allclose(
            ours[name], [raw[source] for raw in wanted], rtol=0, atol=limit, err_msg=name
        )


def person_crops(frames: list[Array], originals: list[Found]) -> Array:
    return np.stack(
        [
            cut(frame, roi_in_frame(np.array(p.roi), found.to_frame), 256, cv2.BORDER_REPLICATE)[0]
            for frame, found in zip(frames, originals, strict=True)
            for p in found.persons
        ]
    )


def test_key_points_agree_from_frame_to_frame_pixels(
    frames: list[Array], originals: list[Found], model_repository: Path
) -> None:
    """The whole path twice, each with its own regions: below 0.05 px on average."""
    detector = load(model_repository, "blazepose-detector", "detection")
    pose = load(model_repository, "blazepose-landmark", "pose3d")
    model = original(model_repository, "blazepose-landmark")
    errors_px, errors_m = [], []
    for frame, found in zip(frames, originals, strict=True):
        rois = detector({"images": found.image[None]})["rois"]
        for person, roi in zip(found.persons, rois[:, [0, 1, 2, 4]], strict=True):
            theirs, their_map = cut(
                frame, roi_in_frame(np.array(person.roi), found.to_frame), 256, cv2.BORDER_REPLICATE
            )
            mine, my_map = cut(frame, roi_in_frame(roi, found.to_frame), 256, cv2.BORDER_REPLICATE)
            raw = model.run(theirs, **LANDMARK_RANGE)
            ours = pose({"images": mine[None]})

            wanted = landmarks(raw)
            assert (ours["presence"][0] >= 0.5) == (raw["Identity_1"][0] >= 0.5)
            np.testing.assert_allclose(ours["scores"][0], wanted[:, 2], atol=0.01)
            placed = ours["keypoints"][0, :, :2] @ my_map[:, :2].T + my_map[:, 2]
            expected = wanted[:, :2] @ their_map[:, :2].T + their_map[:, 2]
            errors_px.append(np.linalg.norm(placed - expected, axis=1))
            world = raw["Identity_4"].reshape(39, 3)[:33]
            errors_m.append(np.linalg.norm(ours["keypoints_3d"][0] - world, axis=1))
    px, metres = np.concatenate(errors_px), np.concatenate(errors_m)
    print(
        f"{len(errors_px)} persons: mean {px.mean():.4f} px, median {np.median(px):.4f}, "
        f"p99 {np.percentile(px, 99):.4f}, max {px.max():.3f}; "
        f"world mean {metres.mean() * 1e3:.3f} mm, max {metres.max() * 1e3:.2f}"
    )
    assert px.mean() < 0.05
    assert metres.mean() < 0.001


def test_a_batch_equals_its_images_one_by_one(
    frames: list[Array], originals: list[Found], model_repository: Path
) -> None:
    """To a thousandth of a pixel: an engine may sum in another order for another batch size."""
    images = np.stack([found.image for found in originals])
    crops = person_crops(frames, originals)
    cases: list[tuple[str, Task, Array]] = [
        ("blazepose-detector", "detection", images),
        ("blazepose-landmark", "pose2d", crops),
        ("blazepose-landmark", "pose3d", crops),
    ]
    for name, task, batch in cases:
        together = load(model_repository, name, task, max_rows=len(batch))({"images": batch})
        adapter = load(model_repository, name, task)
        singly = [adapter({"images": batch[k : k + 1]}) for k in range(len(batch))]
        if "image_index" in together:
            for k, single in enumerate(singly):
                single["image_index"] = single["image_index"] + k
        for output, values in together.items():
            alone = np.concatenate([single[output] for single in singly])
            np.testing.assert_allclose(values, alone, rtol=0, atol=1e-3, err_msg=output)
