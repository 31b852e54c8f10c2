"""Real YOLOX-nano weights through the adapter, against a plain decoding and against annotations."""

from __future__ import annotations

import hashlib
import json
import math

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.models.adapter import load_adapter
from podium.models.published import ZOO
from podium.vision.boxes import iou, transform_boxes
from podium.vision.letterbox import letterbox

PICTURES = ("000000000785.jpg", "000000197388.jpg")
SCORE, IOU = 0.3, 0.45


@pytest.fixture(scope="module")
def weights(shared_data):
    return shared_data / "weights" / "yolox_nano_416.onnx"


@pytest.fixture(scope="module")
def adapter(weights):
    """With the manifest that `podium models pull yolox-nano` writes."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    manifest = ZOO["yolox-nano"].manifest.model_copy(update={"sha256": digest})
    return load_adapter(manifest, weights, "detection", OnnxRuntimeSession)


def detect(adapter, frames):
    """Boxes in frame pixels and scores, per frame."""
    spec = adapter.facts.letterbox
    images, transforms = zip(*(letterbox(frame, spec) for frame in frames), strict=True)
    found = adapter({"images": np.stack(images)})
    boxes = transform_boxes(found["boxes"], np.stack(transforms)[found["image_index"]])
    rows = [found["image_index"] == index for index in range(len(frames))]
    return [(boxes[r], found["scores"][r]) for r in rows]


def decode_one_by_one(weights, path):
    """Persons on a picture: official preprocessing, one prediction after the other, greedy NMS."""
    frame = cv2.imread(str(path))  # BGR
    ratio = min(416 / frame.shape[0], 416 / frame.shape[1])
    small = cv2.resize(frame, (int(frame.shape[1] * ratio), int(frame.shape[0] * ratio)))
    padded = np.full((416, 416, 3), 114, np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    session = ort.InferenceSession(weights, providers=["CPUExecutionProvider"])
    rows = session.run(None, {"images": padded.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
    candidates, index = [], 0
    for stride in (8, 16, 32):
        for row in range(416 // stride):
            for column in range(416 // stride):
                x, y, w, h, objectness, person = rows[index, :6].tolist()
                index += 1
                if objectness * person >= SCORE:
                    x, y = (x + column) * stride / ratio, (y + row) * stride / ratio
                    w, h = math.exp(w) * stride / ratio, math.exp(h) * stride / ratio
                    box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
                    candidates.append((objectness * person, box))
    kept = []
    for score, box in sorted(candidates, reverse=True):
        if all(overlap(box, other) <= IOU for _, other in kept):
            kept.append((score, box))
    return kept


def overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


@pytest.fixture(scope="module")
def pictures(shared_data):
    return [shared_data / "real" / name for name in PICTURES]


@pytest.fixture(scope="module")
def found(adapter, pictures):
    return detect(adapter, [cv2.imread(str(path))[..., ::-1] for path in pictures])


def test_finds_whom_a_plain_decoding_finds(weights, pictures, found):
    for path, (boxes, scores) in zip(pictures, found, strict=True):
        expected = decode_one_by_one(weights, path)
        assert len(boxes) == len(expected) > 0
        np.testing.assert_allclose(scores, [score for score, _ in expected], atol=1e-4)
        difference_px = np.abs(boxes - [box for _, box in expected]).max()
        print(f"\n{path.name}: {len(boxes)} persons, boxes within {difference_px:.2f} px")
        assert difference_px < 1


def test_finds_annotated_persons(shared_data, found):
    annotations = json.loads((shared_data / "real" / "coco_keypoints_2images.json").read_text())
    names = {image["id"]: image["file_name"] for image in annotations["images"]}
    hits = 0
    for person in annotations["annotations"]:
        x, y, w, h = person["bbox"]
        boxes, _ = found[PICTURES.index(names[person["image_id"]])]
        hits += bool(iou(np.array([[x, y, x + w, y + h]], np.float32), boxes).max() >= 0.5)
    print(f"\n{hits} of {len(annotations['annotations'])} annotated persons")
    assert hits >= 5


def test_a_picture_alone_gives_what_it_gives_in_a_batch(adapter, pictures, found):
    alone = detect(adapter, [cv2.imread(str(pictures[1]))[..., ::-1]])[0]
    np.testing.assert_array_equal(alone[0], found[1][0])
