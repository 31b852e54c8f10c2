"""What once killed a service, sent to services that have as much memory as the chart gives them."""

from __future__ import annotations

import functools
import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from podium.local.service_process import ServiceProcess
from podium.wire import HEADER_LENGTH, bytes_tensor, write_request
from tests.support.control_group import ControlGroup, control_group
from tests.support.one_service import one_service
from tests.support.videos import write_video
from tests.support.waiting import blocking_until

slow = pytest.mark.slow

ROOT = Path(__file__).parents[2]

RETURNED_BYTES = 100 << 20
HEALTH_S = 10.0
"""Twenty times what is promised: the machine does other things, too."""

HUGE = 60_000_000
LARGEST_BODY = 64 << 20
FRAMES = 216_000
"""As many as postprocessing takes."""
PATIENCE_S = 3600.0
"""For those: 2 to 4 ms each on a machine that does nothing else."""


@dataclass
class Limited:
    """A service in a control group."""

    name: str
    process: ServiceProcess
    group: ControlGroup
    folder: Path
    clip: bytes
    at_rest_bytes: int = 0

    @property
    def infer(self) -> str:
        """Where the model of the service is called."""
        model = "pose-2d" if self.name == "gateway" else self.name
        return f"{self.process.url}/v2/models/{model}/infer"

    def look_at(self, media: bytes, results: bytes = b"[]") -> requests.Response:
        """Have it open a file; results as large as bodies may not be are read from a file, too."""
        if self.name == "decode":
            body = write_request({"media": bytes_tensor(media)}, {"count": 1})
        else:
            source = self.folder / "source.mp4"
            source.write_bytes(media)
            output = (self.folder / "out").as_uri()
            given = {"source": source.as_uri(), "output": output, "results": results}
            if len(results) > LARGEST_BODY:
                (self.folder / "results.json").write_bytes(given.pop("results"))
                given["results_uri"] = (self.folder / "results.json").as_uri()
            tensors = {name: bytes_tensor(value) for name, value in given.items()}
            body = write_request(tensors, {"overlay_frames": 1, "overlay": False})
        return requests.post(self.infer, body.data, headers=body.headers, timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Iterator[Callable[[str], Limited]]:
    """Gives a service by its name, each started once."""
    with ExitStack() as opened:
        yield functools.cache(lambda name: start(name, tmp_path_factory.mktemp(name), opened))


@pytest.fixture
def service(request, started) -> Limited:
    return started(request.param)


def start(name: str, folder: Path, opened: ExitStack) -> Limited:
    """Start a service in a control group; it runs as long as ``opened`` is open."""
    clip = write_video(folder / "clip.mp4", 10, codec="mjpeg", pix_fmt="yuvj420p").read_bytes()
    settings = {
        "PODIUM_ALLOW_EMPTY": "true",
        "PODIUM_MODELS": str(folder),
        "PODIUM_OBJECTS_READ_ROOTS": str(folder),
        "PODIUM_POSTPROCESS_OBJECTS_WRITE_ROOTS": str(folder),
        "PODIUM_MODEL_CONTROL": "false",
        "PODIUM_GATEWAY_POSTPROCESS_URL": "here",
        **allocator(),
    }
    group = opened.enter_context(control_group(chart_limit(name)))
    with group.entered():
        process = opened.enter_context(one_service(name, settings))
    limited = Limited(name, process, group, folder, clip)
    if name != "gateway":
        # What is started and imported by the first request counts as at rest.
        assert limited.look_at(clip, results=span([0, 1, 2])).status_code == 200
    limited.at_rest_bytes = group.held_bytes
    return limited


def chart_limit(service: str) -> int:
    """Bytes that the chart lets a service have."""
    values = chart_values()
    resources = values["services"][service].get("resources", {}).get("limits", {})
    given = resources.get("memory", values["defaults"]["resources"]["limits"]["memory"])
    assert given.endswith("Gi"), given
    return int(given[:-2]) << 30


def allocator() -> dict[str, str]:
    """The variables by which the chart tells glibc how to hold memory."""
    given = chart_values()["defaults"]["env"]
    told = ("MALLOC_", "GLIBC_")
    return {name: str(value) for name, value in given.items() if name.startswith(told)}


def chart_values() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "charts/podium/values.yaml").read_text())
    return values


@contextmanager
def unharmed(service: Limited) -> Iterator[None]:
    """Meanwhile health answers; afterwards the service lives, and has given its memory back."""
    longest_s, stop = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest_s
        ended = False
        while not ended:
            ended = stop.wait(0.05)  # it is asked once more at the end
            asked = time.monotonic()
            answer = requests.get(f"{service.process.url}/v2/health/live", timeout=60)
            assert answer.status_code == 200
            longest_s = max(longest_s, time.monotonic() - asked)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
    assert service.process.exit_code is None
    assert service.group.kills == 0
    assert 0 < longest_s < HEALTH_S
    print(f"{service.name}: {service.group.most_bytes >> 20} MB at most, {longest_s:.2f} s")
    most = service.at_rest_bytes + RETURNED_BYTES
    blocking_until(lambda: service.group.held_bytes < most)


# S1: headers of videos


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def sample_sizes(clip: bytes) -> bytes:
    changed = bytearray(clip)
    for name, offset, number in ((b"stsz", 8, 1), (b"stsz", 12, HUGE), (b"stsc", 16, HUGE)):
        struct.pack_into(">I", changed, changed.index(name) + offset, number)
    struct.pack_into(">I", changed, changed.index(b"stts") + 12, HUGE)
    return bytes(changed)


def fragment(clip: bytes) -> bytes:
    run = box(b"trun", struct.pack(">II", 0, HUGE))
    return clip + box(b"moof", box(b"traf", box(b"tfhd", struct.pack(">II", 0, 1)) + run))


def compressed_index(clip: bytes) -> bytes:
    at = clip.index(b"moov") - 4
    squeezed = struct.pack(">I", 1 << 30) + zlib.compress(bytes(64 << 20), 1)
    return clip[:at] + box(b"moov", box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", squeezed)))


@pytest.mark.parametrize(
    ("service", "make"),
    [
        ("decode", sample_sizes),
        ("decode", fragment),
        ("decode", compressed_index),
        pytest.param("postprocess", sample_sizes, marks=slow),
        pytest.param("postprocess", fragment, marks=slow),
        pytest.param("postprocess", compressed_index, marks=slow),
    ],
    indirect=["service"],
)
def test_headers_that_claim_more_than_the_file_has(service, make):
    media = make(service.clip)
    with unharmed(service):
        answer = service.look_at(media, results=span([0, 1, 2]))
    assert answer.status_code in (413, 422), answer.text


# S2: heads and trailers


@pytest.mark.parametrize("service", ["gateway", pytest.param("decode", marks=slow)], indirect=True)
def test_many_connections_with_endless_heads(service):
    head = b"GET /v2 HTTP/1.1\r\nhost: a\r\n" + b"a:\r\n" * 250_000
    with unharmed(service), ExitStack() as opened:
        for _ in range(70):
            connection = opened.enter_context(connected(service))
            with suppress(OSError):  # it has been hung up on
                connection.sendall(head)
        assert service.group.held_bytes < service.at_rest_bytes + RETURNED_BYTES


@pytest.mark.parametrize("service", ["gateway", pytest.param("decode", marks=slow)], indirect=True)
def test_endless_trailers(service):
    begun = b"POST /v2/repository/index HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    with unharmed(service), connected(service) as connection:
        connection.sendall(begun + b"2\r\n{}\r\n0\r\n")
        with suppress(OSError):
            for _ in range(67):
                connection.sendall(b"a: b\r\n" * 170_000)
        with suppress(ConnectionResetError):
            assert connection.recv(15) in (b"HTTP/1.1 400 Ba", b"HTTP/1.1 200 OK", b"")
        assert service.group.held_bytes < service.at_rest_bytes + RETURNED_BYTES


@contextmanager
def connected(service: Limited) -> Iterator[socket.socket]:
    address = (service.process.host, service.process.port)
    with socket.create_connection(address, timeout=60) as connection:
        yield connection


# S3 and S4: small bodies that become large objects

UNKNOWN = b",".join(b'"%d":1' % number for number in range(2_000_000))
POSTPROCESS = b'{"source":"%s","output":"%s",%s}'
TENSOR = b'{"inputs":[{"name":"media","datatype":"%s","shape":[%d],%s}]}'
EMPTY = 16_000_000


def empty_elements() -> tuple[bytes, int]:
    described = TENSOR % (b"BYTES", EMPTY, b'"parameters":{"binary_data_size":%d}' % (4 * EMPTY))
    return described + bytes(4 * EMPTY), len(described)


BODIES: dict[str, Callable[[], bytes | tuple[bytes, int]]] = {
    "results": lambda: b'"results":[' + b"{}," * 20_000_000 + b"{}]",
    "options": lambda: UNKNOWN,
    "elements": empty_elements,
    "lists": lambda: TENSOR % (b"FP32", 1, b'"data":[' + b"[1]," * 16_000_000 + b"[1]]"),
    "tensors": lambda: b'{"inputs":[' + b"{}," * 20_000_000 + b"{}]}",
    "depth": lambda: TENSOR % (b"FP32", 1, b'"data":' + b"[" * 30_000_000),
    "just allowed": lambda: TENSOR % (b"FP32", 1, b'"data":[' + b"[]," * 900_000 + b"[]]"),
}


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("gateway", "elements"),
        ("gateway", "depth"),
        ("gateway", "just allowed"),
        pytest.param("gateway", "results", marks=slow),
        pytest.param("gateway", "options", marks=slow),
        pytest.param("gateway", "lists", marks=slow),
        pytest.param("gateway", "tensors", marks=slow),
        pytest.param("decode", "just allowed", marks=slow),
        pytest.param("postprocess", "elements", marks=slow),
    ],
    indirect=["service"],
)
def test_small_bodies_that_become_large(service, body):
    address = service.infer
    if body in ("results", "options"):
        address = f"{service.process.url}/v1/postprocess"
    made = BODIES[body]()
    if body in ("results", "options"):
        assert isinstance(made, bytes)
        folder = service.folder.as_uri().encode()
        made = POSTPROCESS % (folder + b"/clip.mp4", folder + b"/out", made)
    data, header = made if isinstance(made, tuple) else (made, None)
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    if header is not None:
        headers[HEADER_LENGTH] = str(header)
    packed = gzip.compress(data, 6)
    del made, data
    with unharmed(service):
        answer = requests.post(address, packed, headers=headers, timeout=600)
    assert answer.status_code in (400, 413, 422), answer.text
    assert answer.json()["error"]


# H3: long clips


def frame(index: int) -> dict[str, object]:
    x = 100 + index % 500
    points = [[x + 7 * (j % 4), 100 + 6 * j, 0.9] for j in range(17)]
    person = {"track_id": 1, "box": [x - 10, 90, x + 40, 210], "score": 0.9, "keypoints": points}
    return {"index": index, "time_s": index / 50, "status": "ok", "persons": [person]}


def span(indexes: Iterable[int]) -> bytes:
    facts = {"width": 640, "height": 480, "fps": 50, "frame_count": FRAMES, "duration_s": 4320}
    frames = [frame(index) for index in indexes]
    named = {"pipeline": "p", "skeleton": "coco17", "models": {}, "source": facts}
    return json.dumps([named | {"frames": frames}]).encode()


@pytest.mark.parametrize("service", ["postprocess"], indirect=True)
def test_a_few_frames_far_apart(service):
    with unharmed(service):
        answer = service.look_at(service.clip, results=span([0, FRAMES // 2, FRAMES - 1]))
    assert answer.status_code == 413
    assert "3 frames span 216000; parts of a video" in answer.json()["error"]


@pytest.mark.slow
@pytest.mark.parametrize("service", ["postprocess"], indirect=True)
def test_the_longest_clip(service):
    with unharmed(service):
        answer = service.look_at(service.clip, results=span(range(FRAMES)))
    assert answer.status_code == 200, answer.text
