"""Every wrong input gets a 4xx that names the problem, and the services keep serving."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.http_calls import post, post_json


@pytest.fixture(autouse=True)
def still_serving(stack, clip):
    """After each of these tests the pipeline works as before."""
    yield
    stack.check()
    status, answer = post(f"{stack.gateway_url}/v1/pipelines/pose-2d?count=1", clip.read_bytes())
    assert status == 200
    assert answer["frames"][0]["status"] == "ok"


def audio_only(path: Path) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        for _ in range(20):
            silence = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            frame.sample_rate = 48000
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def without_frames(path: Path) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    return path.read_bytes()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))


def playlist(target: Path) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n".encode()


@pytest.fixture(
    params=[
        "empty",
        "text",
        "json",
        "noise",
        "audio only",
        "no frames",
        "png header",
        "playlist",
        "concat script",
        "cut to nothing",
        "cut header",
        "html",
    ]
)
def bad_media(request, clip, tmp_path):
    """Bytes that are no media, the statuses that are right, and a word of the message."""
    video = clip.read_bytes()
    return {
        "empty": (b"", {400}, "empty"),
        "text": (b"These are not the frames you are looking for.\n" * 50, {415}, "media"),
        "json": (b'{"frames": []}', {415}, "media"),
        "noise": (np.random.default_rng(1).bytes(50_000), {415, 422}, "media"),
        "audio only": (audio_only(tmp_path / "a.mp4"), {415, 422}, "video"),
        "no frames": (without_frames(tmp_path / "n.mp4"), {415, 422}, "media"),
        "png header": (png_header(20_000, 20_000), {413}, "20000x20000"),
        "playlist": (playlist(clip), {415}, "playlist"),
        "concat script": (f"ffconcat version 1.0\nfile {clip}\n".encode(), {415}, "media"),
        "cut to nothing": (video[:20], {415, 422}, "media"),
        "cut header": (video[:600], {415, 422}, "media"),
        "html": (b"<!doctype html><html><body>404</body></html>", {415}, "media"),
    }[request.param]


@pytest.mark.parametrize("form", ["raw", "multipart", "oip"])
def test_bad_media(stack, bad_media, form):
    body, statuses, says = bad_media
    url = f"{stack.gateway_url}/v1/pipelines/pose-3d"
    if form == "raw":
        status, answer = post(url, body, "video/mp4")
    elif form == "multipart":
        edge = b"--edge\r\n"
        head = b'content-disposition: form-data; name="media"; filename="a.mp4"\r\n\r\n'
        status, answer = post(
            url, edge + head + body + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge"
        )
    else:
        size = len(body) + 4
        header = json.dumps(
            {
                "inputs": [
                    {
                        "name": "media",
                        "datatype": "BYTES",
                        "shape": [1],
                        "parameters": {"binary_data_size": size},
                    }
                ]
            }
        ).encode()
        status, answer = post(
            f"{stack.gateway_url}/v2/models/pose-3d/infer",
            header + struct.pack("<I", len(body)) + body,
            **{"inference-header-content-length": str(len(header))},
        )
    assert status in statuses, answer
    assert set(answer) == {"error"}
    assert says in answer["error"]
    assert "Traceback" not in answer["error"]


def test_a_truncated_video_gives_the_frames_that_exist(stack, clip):
    video = clip.read_bytes()
    status, answer = post(f"{stack.gateway_url}/v1/pipelines/pose-2d", video[: len(video) // 2])
    assert status == 200
    statuses = [frame["status"] for frame in answer["frames"]]
    assert len(statuses) == 60
    good = statuses.count("ok")
    assert 15 < good < 45
    assert statuses[:good] == ["ok"] * good
    assert set(statuses[good:]) <= {"decode_error", "no_person"}
    assert statuses[-1] == "decode_error"
    assert answer["degraded"] == ["the source ends before the frames that it declares"]
    assert not answer["source"]["complete"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start=60", "start"),
        ("start=1000000", "start"),
        ("start=-1", "start"),
        ("start=nan", "start"),
        ("start=1e3", "start"),
        ("count=0", "count"),
        ("count=NaN", "count"),
        ("step=0", "step"),
        ("stride=0", "stride"),
        ("stride=Infinity", "stride"),
        ("athlete=fastest", "athlete"),
        ("athlete=nearest:nan,0", "athlete"),
        ("max_persons=-1", "max_persons"),
        ("frames=3", "frames"),
        ("timeout=1", "timeout"),
    ],
)
def test_bad_options(stack, clip, query, field):
    status, answer = post(f"{stack.gateway_url}/v1/pipelines/pose-3d?{query}", clip.read_bytes())
    assert status == 400
    assert answer["error"].startswith(field)


@pytest.mark.parametrize(
    "body", [b'{"uri": "x", "start": NaN}', b'{"uri": "x"', b"[]", b'"x"', b"{}", b'{"uri": 7}']
)
def test_bad_json(stack, body):
    status, answer = post(f"{stack.gateway_url}/v1/pipelines/pose-3d", body, "application/json")
    assert status == 400
    assert set(answer) == {"error"}


@pytest.mark.parametrize(
    ("uri", "statuses"),
    [
        ("file:///etc/passwd", {403}),
        ("file:///etc/../etc/passwd", {400, 403}),
        ("/etc/passwd", {400, 403}),
        ("http://127.0.0.1:1/a.mp4", {400, 403}),
        ("https://example.com/a.mp4", {400, 403}),
        ("concat:a|b", {400, 403}),
        ("s3://not-mine/a.mp4", {403}),
        ("data:video/mp4;base64,AAAA", {400, 403}),
    ],
)
def test_addresses_outside_the_allow_list(stack, uri, statuses):
    status, answer = post_json(f"{stack.gateway_url}/v1/pipelines/pose-3d", {"uri": uri})
    assert status in statuses, answer
    assert set(answer) == {"error"}
    assert "root:" not in answer["error"]


def test_a_file_that_is_not_there(stack, clip):
    uri = (clip.parent / "missing.mp4").as_uri()
    status, answer = post_json(f"{stack.gateway_url}/v1/pipelines/pose-3d", {"uri": uri})
    assert status == 404
    assert "missing.mp4" in answer["error"]


def test_unknown_pipeline(stack, clip):
    status, answer = post(f"{stack.gateway_url}/v1/pipelines/pose-4d", clip.read_bytes())
    assert status == 404
    assert "pose-4d" in answer["error"]
    assert "pose-3d" in answer["error"]
    status, answer = post_json(f"{stack.gateway_url}/v2/models/pose-4d/infer", {"inputs": []})
    assert status == 404


def tensor(name, shape, datatype, data):
    return {"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data}]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (tensor("images", [1, 2, 2, 3], "UINT8", [0] * 12), "images: has shape [1, 2, 2, 3]"),
        (tensor("images", [0, 256, 256, 3], "FP32", []), "images: has datatype FP32"),
        (tensor("images", [1, 2], "UINT8", [0, 300]), "images: a value is outside UINT8"),
        (tensor("image", [1], "UINT8", [0]), "image: model"),
        ({"inputs": []}, "images: is missing"),
    ],
)
@pytest.mark.parametrize("service", ["pose2d", "pose3d"])
def test_wrong_tensors(stack, service, body, says):
    status, answer = post_json(f"{stack.urls[service]}/v2/models/blazepose-landmark/infer", body)
    assert status == 400
    assert says in answer["error"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (tensor("media", [2], "BYTES", ["a", "b"]), "media: has shape [2]"),
        (tensor("media", [1], "FP32", [1]), "media: has datatype FP32"),
        ({"inputs": []}, "media"),
    ],
)
def test_wrong_tensors_at_the_gateway(stack, body, says):
    status, answer = post_json(f"{stack.gateway_url}/v2/models/pose-3d/infer", body)
    assert status == 400
    assert says in answer["error"]


def test_wrong_method_and_path(stack):
    assert post(f"{stack.gateway_url}/v1/nothing", b"")[0] == 404
    assert post(f"{stack.gateway_url}/v2/health/ready", b"")[0] == 405


def test_an_oversized_body_is_refused(stack):
    status, answer = post(f"{stack.gateway_url}/v1/pipelines/pose-2d", bytes(70 << 20), "video/mp4")
    assert status == 413
    assert "limit" in answer["error"]


def test_a_pipeline_without_its_models_says_which_and_how_to_get_them(stack, clip):
    status, answer = post(
        f"{stack.gateway_url}/v1/pipelines/yolox-hrnet-2d", clip.read_bytes(), "video/mp4"
    )
    assert status == 503
    assert (
        "yolox-s is not served by detection (run `podium models pull yolox-s`)" in answer["error"]
    )
    assert "hrnet-w32 is not served by pose2d" in answer["error"]
    assert "`podium models export hrnet --weights FILE`" in answer["error"]
