"""Requests with mistakes to every service as it runs: no 5xx, nothing that hangs or grows."""

from __future__ import annotations

import json
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import pytest
import requests
from numpy.typing import NDArray

from podium.lab.bench.workloads import no_op_repository
from podium.local.model_folder import default_models
from podium.local.service_process import ServiceProcess
from podium.local.stack import Stack
from podium.wire import Parameter, bytes_tensor, write_request
from podium.wire.tensors import DTYPES
from tests.fuzz.campaign import MOST_GROWTH_BYTES, campaign, resident_bytes
from tests.fuzz.mutations import mutated
from tests.support.videos import numbered_picture, write_video

ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) ")
RIGHT = {501, 503, 504}
"""Not built, a model that is not there, and a deadline that the request itself gave."""
LONGEST_S = 60
JSON = "content-type: application/json"
PARAMETERS: dict[str, dict[str, Parameter]] = {
    "decode": {"count": 1, "letterbox": 64, "stride": 1},
    "crop": {"handle": "a", "height": 8, "width": 8},
    "release": {"handle": "a"},
    "postprocess": {"overlay": False, "overlay_frames": 0},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    models = no_op_repository(default_models(), folder / "models")
    roots = folder / "roots"
    roots.mkdir()
    write_video(roots / "a.mp4", 10)
    with Stack(
        models=models, read_roots=[roots], write_roots=[roots], jobs=folder / "state"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def seeds(stack) -> dict[str, list[bytes]]:
    """Service -> valid requests."""
    video = next(stack._read_roots[0].glob("*.mp4"))
    picture = cv2.imencode(".jpg", numbered_picture(5))[1].tobytes()
    made = {p.name: _of_protocol(p, picture, video) for p in stack.processes if p.name != "jobs"}
    run = "/v1/pipelines/pose-2d"
    made["gateway"] += [
        _request("POST", run, picture, "content-type: image/jpeg"),
        _request("POST", f"{run}?count=4&stride=2", video.read_bytes(), "content-type: video/mp4"),
        _request("POST", run, _json({"uri": video.as_uri(), "count": 2}), JSON),
        _request("POST", run, *_form(picture)),
        _request("POST", "/v1/postprocess", _json(_results(video)), JSON),
        _request("GET", run),
    ]
    key = f"x-api-key: {stack.admin_key.secret}"
    upload = {"upload_name": "a.mp4", "size_bytes": 9}
    job = {"input": {"upload_id": 1}, "pipeline_id": 1, "job_parameters": {}}
    made["api"] += [
        _request("POST", "/v1/uploads", _json(upload), key, JSON),
        _request("POST", "/v1/uploads", _json(upload | {"parts": True}), key, JSON),
        _request("POST", "/v1/uploads/1/complete", b"", key),
        _request("POST", "/v1/jobs", _json(job), key, JSON, "idempotency-key: a"),
        _request("GET", "/v1/jobs?limit=2&cursor=x", b"", key, "if-none-match: a"),
        _request("GET", "/v1/jobs/1/events", b"", key, "last-event-id: 3"),
        _request("POST", "/v1/objects/a/b", *_form(b"abc")),
        _request("PUT", "/v1/objects/a/b?upload=a&number=1&max_bytes=9&expires=1&signature=a"),
        _request("GET", "/dashboard/index.html"),
        _request("POST", "/v1/webhooks", _json({"url": "https://example.org/a"}), key, JSON),
    ]
    return made


def _of_protocol(process: ServiceProcess, picture: bytes, video: Path) -> list[bytes]:
    """Requests that each service knows, and one to each of its models."""
    paths = "/v2/health/ready", "/openapi.json", "/metrics"
    made = [_request("GET", path) for path in paths]
    if process.name == "api":
        return made
    index = requests.post(f"{process.url}/v2/repository/index", json={}, timeout=60).json()
    for model in (entry["name"] for entry in index):
        page = requests.get(f"{process.url}/v2/models/{model}", timeout=60).json()
        if "inputs" not in page:
            continue  # it lacks the models that it calls
        wanted = {spec["name"]: spec for spec in page["inputs"]}
        results = _results(video)
        texts = {
            "media": picture,
            **{name: results[name].encode() for name in ("source", "output")},
            "results": _json(results["results"]),
        }
        given = {
            name: bytes_tensor(texts[name]) if spec["datatype"] == "BYTES" else _zeros(spec)
            for name, spec in wanted.items()
            if name in texts or spec["datatype"] != "BYTES"
        }
        body = write_request(given, PARAMETERS.get(model))
        headers = [f"{name}: {value}" for name, value in body.headers.items()]
        made.append(_request("POST", f"/v2/models/{model}/infer", bytes(body.data), *headers))
    return made


def _zeros(spec: dict[str, Any]) -> NDArray[Any]:
    shape = [size if size > 0 else 1 for size in spec["shape"]]
    return np.zeros(shape, DTYPES[spec["datatype"]])


def _results(video: Path) -> dict[str, Any]:
    person = {"track_id": 1, "box": [0, 0, 9, 9], "score": 0.5, "keypoints": [[1, 2, 0.5]] * 17}
    frames = [
        {"index": index, "time_s": index / 25, "status": "ok", "persons": [person]}
        for index in range(3)
    ]
    facts = {"width": 160, "height": 96, "fps": 25, "frame_count": 10, "duration_s": 0.4}
    named = {"pipeline": "p", "skeleton": "coco17", "models": {}, "source": facts}
    output = (video.parent / "out").as_uri()
    given = {"source": video.as_uri(), "output": output, "results": [named | {"frames": frames}]}
    return given | {"overlay": False, "overlay_frames": 0, "camera_tilt_deg": 1, "view": "side"}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _form(data: bytes) -> tuple[bytes, str]:
    part = b'--X\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    fields = part % (b"count", b"", b"1") + part % (b"media", b'; filename="a.jpg"', data)
    return fields + b"--X--\r\n", "content-type: multipart/form-data; boundary=X"


def _request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: a", "connection: close", *headers]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _with_mistakes(random: Random, seeds: list[bytes]) -> tuple[bytes, float]:
    """A request with mistakes, and after how much silence its client says that it is all.

    Half of them have mistakes in their bodies alone, whose length is right: they are answered. Of
    others nobody knows where they end.
    """
    head, _, body = random.choice(seeds).partition(b"\r\n\r\n")
    if not body or random.random() < 0.5:
        return mutated(random, [head + b"\r\n\r\n" + body]), random.choice(
            [0.001, 0.001, 0.02, 0.1]
        )
    body = mutated(random, [body])
    expects = random.choice([b"", b"", b"expect: 100-continue\r\n", b"expect: 200-ok\r\n"])
    head, _, _ = head.rpartition(b"content-length:")
    return head + expects + b"content-length: %d\r\n\r\n" % len(body) + body, LONGEST_S


@pytest.mark.slow
def test_mutated_requests_to_every_service(stack, seeds):
    """What the answers are is printed, so that a campaign says what it reached."""
    answered: Counter[tuple[str, int]] = Counter()
    longest_s = dict.fromkeys(seeds, 0.0)
    begun = time.monotonic()

    def sent(random):
        process = random.choice([p for p in stack.processes if p.name in seeds])
        data, silence_s = _with_mistakes(random, seeds[process.name])
        asked = time.monotonic()
        address = "127.0.0.1", int(process.url.rsplit(":")[-1])
        statuses, answers = _exchange(address, data, silence_s)
        longest_s[process.name] = max(longest_s[process.name], time.monotonic() - asked)
        answered.update((process.name, status) for status in statuses)
        assert not answers or answers.startswith(b"HTTP/1.1 "), (process.name, data)
        wrong = [status for status in statuses if status >= 500 and status not in RIGHT]
        assert not wrong, (process.name, data[:3000], answers[:3000])
        stack.check()

    campaign(sent, few=60)  # so that what starts with the first requests is there
    held = {process.name: resident_bytes(process.pid) for process in stack.processes}
    campaign(sent)
    for process in stack.processes:
        name, after = process.name, resident_bytes(process.pid)
        statuses = {status: count for (who, status), count in answered.items() if who == name}
        print(f"{name}: {held[name] >> 20} -> {after >> 20} MB, {statuses}")
        assert after - held[name] < MOST_GROWTH_BYTES, name
    print(f"longest {longest_s}, all in {time.monotonic() - begun:.0f} s")


def _exchange(address: tuple[str, int], data: bytes, silence_s: float) -> tuple[list[int], bytes]:
    """Send a request, read answers until the service closes, and give their statuses."""
    answers = bytearray()
    with socket.create_connection(address, timeout=LONGEST_S) as connection:
        with suppress(OSError):  # it has hung up already
            connection.sendall(data)
        connection.settimeout(silence_s)
        with suppress(ConnectionResetError):
            while True:
                try:
                    part = connection.recv(1 << 16)
                except TimeoutError:
                    if silence_s == LONGEST_S:
                        raise
                    silence_s = LONGEST_S
                    connection.settimeout(silence_s)
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_WR)
                    continue
                if not part:
                    break
                answers += part
    return [int(status) for status in ANSWER.findall(answers)], bytes(answers)
