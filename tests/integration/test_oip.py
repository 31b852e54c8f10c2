"""Every service and every model through the public Open Inference client (tritonclient)."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import tritonclient.http as triton

from tests.support.http_calls import post

SERVED = {
    "gateway": {
        "athletes-2d",
        "athletes-3d",
        "pose-2d",
        "pose-3d",
        "pose-3d-heavy",
        "pose-3d-lite",
        "yolox-3dmppe-3d",
        "yolox-hrnet-2d",
    },
    "decode": {"decode", "crop"},
    "detection": {"blazepose-detector"},
    "pose2d": {"blazepose-landmark"},
    "pose3d": {"blazepose-landmark"},
    "postprocess": {"postprocess"},
}
WITHOUT_MODELS = SERVED["gateway"] - {"pose-2d", "pose-3d"}
"""Pipelines of models that have to be brought."""


@pytest.fixture
def client(stack):
    clients = []

    def of(service):
        clients.append(triton.InferenceServerClient(stack.urls[service].removeprefix("http://")))
        return clients[-1]

    yield of
    for each in clients:
        each.close()


def tensor(name, array, *, binary):
    kind = {"O": "BYTES", "B": "UINT8", "f": "FP32", "l": "INT64"}[array.dtype.char]
    given = triton.InferInput(name, list(array.shape), kind)
    given.set_data_from_numpy(array, binary_data=binary)
    return given


def infer(client, model, arrays, *, binary=True, outputs=None, **parameters):
    asked = [triton.InferRequestedOutput(name, binary_data=binary) for name in outputs or ()]
    return client.infer(
        model,
        [tensor(name, array, binary=binary) for name, array in arrays.items()],
        outputs=asked or None,
        parameters=parameters or None,
    )


def text(value):
    return np.array([value if isinstance(value, bytes) else value.encode()], dtype=object)


@pytest.mark.parametrize("service", SERVED)
def test_health_and_metadata(client, service):
    oip = client(service)
    assert oip.is_server_live()
    assert oip.is_server_ready()
    metadata = oip.get_server_metadata()
    assert metadata["name"] == f"podium-{service}"
    assert "binary_tensor_data" in metadata["extensions"]
    for model in SERVED[service]:
        assert oip.is_model_ready(model) is (model not in WITHOUT_MODELS)
        described = oip.get_model_metadata(model)
        assert described["name"] == model
        assert described["versions"]
        for spec in described["inputs"] + described["outputs"]:
            assert set(spec) == {"name", "datatype", "shape"}
        version = described["versions"][-1]
        assert oip.get_model_metadata(model, version) == described
        assert oip.is_model_ready(model, version) is (model not in WITHOUT_MODELS)


def test_a_pipeline_whose_models_are_missing_is_not_ready(client):
    oip = client("gateway")
    states = {entry["name"]: entry for entry in oip.get_model_repository_index()}
    assert states["pose-3d"]["state"] == "READY"
    assert not states["pose-3d"]["reason"]
    lacking = states["yolox-hrnet-2d"]
    assert lacking["state"] == "UNAVAILABLE"
    assert "yolox-s is not served by detection" in lacking["reason"]
    assert not oip.is_model_ready("yolox-hrnet-2d")
    assert oip.is_server_ready(), "others can be run"


@pytest.fixture(scope="module")
def picture(clip):
    capture = cv2.VideoCapture(str(clip))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 20)
    _, frame = capture.read()
    capture.release()
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def square(picture, size):
    """The letterbox of the detector, by OpenCV's own resize: an independent way to the same."""
    height, width = picture.shape[:2]
    canvas = np.zeros((width, width, 3), np.uint8)
    top = (width - height) // 2
    canvas[top : top + height] = picture
    return cv2.resize(canvas, (size, size))


@pytest.mark.parametrize("binary", [True, False])
def test_detection(client, picture, binary):
    images = np.stack([square(picture, 224), np.zeros((224, 224, 3), np.uint8)])
    result = infer(
        client("detection"),
        "blazepose-detector",
        {"images": images},
        binary=binary,
        outputs=["boxes", "scores", "image_index", "rois"],
    )
    assert result.as_numpy("image_index").tolist() == [0]
    assert result.as_numpy("boxes").shape == (1, 4)
    assert result.as_numpy("rois").shape == (1, 5)
    assert result.as_numpy("scores")[0] > 0.5


@pytest.mark.parametrize("service", ["pose2d", "pose3d"])
def test_pose_is_the_same_in_json_and_binary(client, picture, service):
    images = square(picture, 256)[None]
    results = [
        infer(client(service), "blazepose-landmark", {"images": images}, binary=binary)
        if binary
        else infer(
            client(service),
            "blazepose-landmark",
            {"images": images},
            binary=False,
            outputs=["keypoints", "presence"],
        )
        for binary in (True, False)
    ]
    assert results[0].as_numpy("keypoints").shape == (1, 33, 3)
    for name in ("keypoints", "presence"):
        np.testing.assert_allclose(results[0].as_numpy(name), results[1].as_numpy(name), rtol=1e-6)
    if service == "pose3d":
        assert results[0].as_numpy("keypoints_3d").shape == (1, 33, 3)
        assert results[0].as_numpy("scores").shape == (1, 33)


def test_decode_then_crop(client, clip):
    oip = client("decode")
    decoded = infer(
        oip,
        "decode",
        {"media": text(clip.read_bytes())},
        start=10,
        count=5,
        stride=2,
        letterbox=224,
    )
    assert decoded.as_numpy("frame_index").tolist() == [10, 11, 12, 13, 14]
    np.testing.assert_allclose(decoded.as_numpy("time_s"), np.arange(10, 15) / 60, atol=1e-6)
    assert decoded.as_numpy("image_frame").tolist() == [10, 12, 14]
    assert decoded.as_numpy("images").shape == (3, 224, 224, 3)
    assert decoded.as_numpy("frame_size").tolist() == [1280, 720]
    parameters = decoded.get_response()["parameters"]
    assert parameters["frame_count"] == 60
    crops = infer(
        oip,
        "crop",
        {
            "frame_index": np.array([11, 14], np.int64),
            "rois": np.array([[640, 360, 256, 256, 0], [0, 0, 512, 512, 0.5]], np.float32),
        },
        handle=parameters["handle"],
        height=256,
        width=256,
        border="replicate",
    )
    assert crops.as_numpy("images").shape == (2, 256, 256, 3)
    np.testing.assert_allclose(
        crops.as_numpy("transforms")[0], [[1, 0, 512], [0, 1, 232]], atol=1e-4
    )


def test_decode_takes_a_raw_body(stack, clip):
    with triton.InferenceServerClient(stack.urls["decode"].removeprefix("http://")) as oip:
        body = clip.read_bytes()
        response = oip._post(
            "v2/models/decode/infer", body, {"Inference-Header-Content-Length": "0"}, None
        )
        assert response.status_code == 200


@pytest.mark.parametrize("pipeline", ["pose-2d", "pose-3d"])
@pytest.mark.parametrize("by", ["media", "uri"])
def test_pipelines(client, clip, pipeline, by):
    oip = client("gateway")
    value = text(clip.read_bytes() if by == "media" else clip.as_uri())
    result = infer(oip, pipeline, {by: value}, start=4, count=8)
    assert result.as_numpy("frame_index").tolist() == list(range(4, 12))
    assert result.as_numpy("status").tolist() == [b"ok"] * 8
    assert result.as_numpy("person_frame_index").tolist() == list(range(4, 12))
    assert len(set(result.as_numpy("track_ids").tolist())) == 1
    assert result.as_numpy("keypoints").shape == (8, 33, 3)
    if pipeline == "pose-3d":
        assert result.as_numpy("keypoints_3d").shape == (8, 33, 3)
    assert result.get_response()["parameters"]["skeleton"] == "blazepose33"


def test_a_pipeline_in_json(client, clip):
    result = infer(
        client("gateway"),
        "pose-3d",
        {"uri": text(clip.as_uri())},
        binary=False,
        outputs=["keypoints", "keypoints_3d", "status"],
        count=2,
    )
    assert result.as_numpy("keypoints").shape == (2, 33, 3)
    assert result.as_numpy("keypoints_3d").shape == (2, 33, 3)


def test_requests_may_be_compressed(client, clip):
    oip = client("gateway")
    given = tensor("media", text(clip.read_bytes()), binary=True)
    for algorithm in ("gzip", "deflate"):
        result = oip.infer(
            "pose-2d",
            [given],
            parameters={"count": 1},
            request_compression_algorithm=algorithm,
            response_compression_algorithm="gzip",
        )
        assert result.as_numpy("keypoints").shape == (1, 33, 3)


def test_postprocess(client, clip, stack, results_root):
    frames = infer(client("gateway"), "pose-3d", {"uri": text(clip.as_uri())}, count=30)
    assert frames.as_numpy("status").tolist() == [b"ok"] * 30
    status, results = post(
        f"{stack.gateway_url}/v1/pipelines/pose-3d?count=30", clip.read_bytes(), "video/mp4"
    )
    assert status == 200
    output = results_root / "oip"
    answer = infer(
        client("postprocess"),
        "postprocess",
        {
            "source": text(clip.as_uri()),
            "results": text(json.dumps([results])),
            "output": text(output.as_uri()),
        },
        overlay=False,
    )
    written = json.loads(answer.as_numpy("result")[0])
    assert {"keypoints.csv", "biomechanics.csv", "summary.json"} <= {
        file["name"] for file in written["files"]
    }
    assert (output / "keypoints.csv").is_file()
