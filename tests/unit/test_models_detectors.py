"""The YOLOX, YOLOv8 and RTMDet adapters on networks of a few nodes with known outputs."""

from __future__ import annotations

import numpy as np
import pytest

from podium.errors import SetupError
from podium.models.network import Network
from tests.support.tiny_networks import constant, echo, load, store

SIZE = (64, 64)
CELLS = 8 * 8 + 4 * 4 + 2 * 2


def yolox_rows():
    """One person twice, another one, a dog, and a cell that is broken."""
    rows = np.zeros((1, CELLS, 85), np.float32)

    def put(cell, box, grid, scores):
        (cx, cy, w, h), (stride, column, row) = box, grid
        offset = (cx / stride - column, cy / stride - row)
        rows[0, cell, :4] = *offset, np.log(w / stride), np.log(h / stride)
        rows[0, cell, 4] = 0.8
        for kind, score in scores.items():
            rows[0, cell, 5 + kind] = score

    put(8 * 2 + 3, (28, 20, 16, 30), (8, 3, 2), {0: 0.5})
    put(8 * 2 + 4, (29, 20, 16, 30), (8, 4, 2), {0: 0.75})
    put(64 + 4 * 3 + 1, (10, 50, 12, 20), (16, 1, 3), {0: 1.0, 16: 0.2})
    put(64 + 16 + 2, (40, 44, 30, 20), (32, 0, 1), {16: 1.0})
    rows[0, 80 + 3] = np.nan
    return rows


@pytest.fixture
def yolox(tmp_path):
    store(tmp_path, constant(SIZE, {"output": yolox_rows()}), "yolox", "detection", SIZE)
    return load(tmp_path, "yolox", "detection")


def images(rows):
    return {"images": np.zeros((rows, *SIZE, 3), np.uint8)}


def test_yolox_decodes_scores_and_suppresses(yolox):
    found = yolox(images(3))
    assert found["image_index"].tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(found["scores"], [0.8, 0.6] * 3, rtol=1e-6)
    low = [10 - 6, 50 - 10, 10 + 6, 50 + 10], [29 - 8, 20 - 15, 29 + 8, 20 + 15]
    np.testing.assert_allclose(found["boxes"], np.tile(low, (3, 1)) - 0.5, atol=1e-4)
    assert yolox.facts.to_parameters() == {
        "letterbox_size": 64,
        "letterbox_anchor": "top_left",
        "letterbox_fill": 114,
    }


def test_other_classes_and_thresholds(tmp_path):
    network = constant(SIZE, {"output": yolox_rows()})
    facts = {"thresholds": {"score": 0.1, "iou": 0.99}, "options": {"person_class": 16}}
    store(tmp_path, network, "yolox", "detection", SIZE, name="dogs", **facts)
    found = load(tmp_path, "dogs", "detection")(images(1))
    np.testing.assert_allclose(found["scores"], [0.8, 0.16], rtol=1e-6)
    facts["options"] = {}
    store(tmp_path, network, "yolox", "detection", SIZE, name="doubles", **facts)
    assert len(load(tmp_path, "doubles", "detection")(images(1))["boxes"]) == 3


def test_sizes_beyond_all_bounds_stay_finite(tmp_path):
    rows = np.zeros((1, CELLS, 85), np.float32)
    rows[0, 0, :6] = 0, 0, 1000, 1000, 1, 1
    store(tmp_path, constant(SIZE, {"output": rows}), "yolox", "detection", SIZE)
    found = load(tmp_path, "yolox", "detection")(images(2))
    assert len(found["boxes"]) == 2
    assert np.isfinite(found["boxes"]).all()


def test_yolov8_layout(tmp_path):
    rows = np.zeros((1, 84, 5), np.float32)
    rows[0, :5, 0] = 20, 30, 10, 40, 0.9
    rows[0, :5, 1] = 21, 30, 10, 40, 0.8  # the same person
    rows[0, :5, 2] = 50, 30, 10, 40, 0.6
    rows[0, :6, 3] = 32, 32, 60, 60, 0.1, 0.95  # not a person
    network = constant(SIZE, {"output0": rows}, "nchw")
    letterbox = {"anchor": "center", "fill": 114}
    picture = {"std": (255, 255, 255)}
    store(
        tmp_path,
        network,
        "yolov8",
        "detection",
        SIZE,
        layout="nchw",
        letterbox=letterbox,
        input=picture,
    )
    found = load(tmp_path, "yolov8", "detection")(images(2))
    assert found["image_index"].tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(found["scores"], [0.9, 0.6] * 2)
    boxes = [15, 10, 25, 50], [45, 10, 55, 50]
    np.testing.assert_allclose(found["boxes"], np.tile(boxes, (2, 1)) - 0.5)


def test_rtmdet_takes_what_the_network_gives(tmp_path):
    dets = np.zeros((1, 6, 5), np.float32)
    dets[0, 0] = 10, 10, 20, 40, 0.5
    dets[0, 1] = 11, 10, 21, 40, 0.9  # overlaps: the export's own affair
    dets[0, 2] = 10, 10, 60, 40, 0.9  # a car
    labels = np.array([[0, 0, 2, 0, 0, 0]], np.int64)
    network = constant(SIZE, {"dets": dets, "labels": labels}, "nchw")
    store(tmp_path, network, "rtmdet", "detection", SIZE, layout="nchw")
    found = load(tmp_path, "rtmdet", "detection")(images(1))
    np.testing.assert_allclose(found["scores"], [0.9, 0.5])
    np.testing.assert_allclose(found["boxes"], [[10.5, 9.5, 20.5, 39.5], [9.5, 9.5, 19.5, 39.5]])


OUTPUTS = {
    "yolox": {"output": np.zeros((1, CELLS, 85), np.float32)},
    "yolov8": {"output0": np.zeros((1, 84, 21), np.float32)},
    "rtmdet": {"dets": np.zeros((1, 4, 5), np.float32), "labels": np.zeros((1, 4), np.int64)},
}


@pytest.mark.parametrize("family", OUTPUTS)
@pytest.mark.parametrize("rows", [0, 2])
def test_nobody(tmp_path, family, rows):
    store(tmp_path, constant(SIZE, OUTPUTS[family]), family, "detection", SIZE)
    adapter = load(tmp_path, family, "detection")
    found = adapter(images(rows))
    for spec in adapter.outputs:
        spec.check(found[spec.name])
        assert len(found[spec.name]) == 0


def test_pictures_are_prepared_as_the_manifest_says(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (3, *SIZE, 3), np.uint8)
    mean, std = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
    for color, order in (("rgb", [0, 1, 2]), ("bgr", [2, 1, 0])):
        facts = {"color": color, "mean": mean, "std": std}
        manifest = store(
            tmp_path, echo(SIZE), "yolox", "detection", SIZE, name=color, layout="nchw", input=facts
        )
        network = Network(manifest, session_of(tmp_path, color))
        expected = (pictures[..., order] - np.array(mean)) / np.array(std)
        found = network(pictures)["output"]
        np.testing.assert_allclose(found, expected.transpose(0, 3, 1, 2), atol=1e-5)


def session_of(repository, name):
    from podium.engines.onnx_runtime import OnnxRuntimeSession

    return OnnxRuntimeSession(repository / name / "1" / "model.onnx")


@pytest.mark.parametrize(
    ("family", "facts", "said"),
    [
        (
            "yolox",
            {"layout": "nchw"},
            r"layout nchw.*FP32.*they have images UINT8\[-1, 64, 64, 3\]",
        ),
        ("yolov8", {"options": {"person": 0}}, "options.person: is not known"),
        ("yolox", {"options": {"person_class": 80}}, "options.person_class: .* have 80 classes"),
        ("rtmdet", {}, r"dets must be \[-1, -1, 5\].*they have output\[-1, 84, 85\]"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, family, facts, said):
    store(tmp_path, constant(SIZE, OUTPUTS["yolox"]), family, "detection", SIZE, **facts)
    with pytest.raises(SetupError, match=said):
        load(tmp_path, family, "detection")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"mean": (1, 2, 3)}, "go with layout nchw"),
        ({"layout": "nchw", "std": (0, 1, 1)}, "above 0"),
    ],
)
def test_normalisation_that_makes_no_sense(tmp_path, facts, said):
    layout = facts.pop("layout", "nhwc")
    with pytest.raises(ValueError, match=said):
        store(tmp_path, echo(SIZE), "yolox", "detection", SIZE, layout=layout, input=facts)
