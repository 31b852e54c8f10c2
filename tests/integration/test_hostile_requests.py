"""Requests that no client library sends: every service refuses them in the protocol's shape."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import struct
import zlib
from contextlib import suppress
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from podium.decode.app import create_app
from podium.decode.settings import DecodeSettings
from podium.local.settings import SERVICES
from podium.wire import DATATYPES, HEADER_LENGTH
from tests.support.service_thread import serving
from tests.support.waiting import blocking_until

fuzz = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


class Door:
    """One kept connection to a service."""

    def __init__(self, url):
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def ask(self, method, path, body=b"", **headers):
        """Status, headers and body; underscores of header names stand for hyphens."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, names)
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()

    def refused(self, *args, statuses=range(400, 500), **headers):
        """The message of an answer that must be a refusal."""
        status, given, body = self.ask(*args, **headers)
        assert status in statuses, body
        assert given["content-type"] == "application/json"
        answer = json.loads(body)
        assert list(answer) == ["error"]
        assert answer["error"]
        return answer["error"]


@pytest.fixture(params=SERVICES)
def door(request, stack):
    with Door(stack.urls[request.param]) as door:
        yield door


@pytest.fixture
def gateway(stack):
    with Door(stack.gateway_url) as door:
        yield door


@pytest.fixture
def model(door):
    """Metadata of a model that the service has."""
    ready: list[str] = []

    def found():
        index = json.loads(door.ask("POST", "/v2/repository/index")[2])
        ready.extend(entry["name"] for entry in index if entry["state"] == "READY")
        return ready

    blocking_until(found)  # a pipeline is not while one of its stages does not answer in time
    return json.loads(door.ask("GET", f"/v2/models/{ready[0]}")[2])


@pytest.fixture
def infer(model):
    return f"/v2/models/{model['name']}/infer"


def test_methods_and_paths(door, infer):
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        assert method in door.refused(method, infer, statuses=[405])
    for method in ("POST", "PUT", "DELETE"):
        door.refused(method, "/v2/health/ready", statuses=[405])
    for path in (f"{infer}%0A", f"{infer}/", f"/{infer}", "/v2/models//infer", "/%00", "/.."):
        door.refused("POST", path, b"{}", statuses=[404])


@pytest.mark.parametrize("name", ["..", "\0", "\n", "a" * 4000, "\U0001f3c3", "a/b", "-", "%2e%2e"])
def test_names_that_are_no_models(door, name):
    name = quote(name, safe="")
    for path in (f"/v2/models/{name}", f"/v2/models/{name}/ready", f"/v2/models/x/versions/{name}"):
        door.refused("GET", path, statuses=[404])
    for path in ("load", "unload"):
        door.refused("POST", f"/v2/repository/models/{name}/{path}", statuses=[404])
    door.refused("POST", f"/v2/models/{name}/infer", b"{}", statuses=[404])


HEADERS = [HEADER_LENGTH, "content-encoding", "x-envoy-expected-rq-timeout-ms", "content-type"]
NUMBERS = ["00", "-1", "+1", "1.5", "1e3", "nan", "\u00b2", "9" * 30, "9" * 400, "9" * 5000]
BODIES = [b"", b"{}", b'{"inputs":[]}', b"[" * 5000, b"\x1f\x8b"]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_headers(door, infer, header, body):
    for value in NUMBERS:
        door.refused("POST", infer, body, **{header: value})

    @settings(fuzz, max_examples=10)
    @given(st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20))
    def refused(value):
        door.refused("POST", infer, body, **{header: value.strip()})

    refused()


@pytest.mark.parametrize(
    "given",
    [
        "a b",
        'x"; y',
        "a,b",
        "\xff",
        "x" * 129,
        "a\tb",
        "<script>",
        "",
        "%0d%0aa: b",
        "a~",
        "~a",
        "a~~b",
        "~".join("abcdefghi"),
    ],
)
def test_ids_of_callers_are_not_echoed_unless_they_are_plain(door, given):
    status, headers, _ = door.ask("GET", "/v2", x_request_id=given, traceparent=given)
    assert status == 200
    assert len(headers.get_all("x-request-id")) == 1
    assert headers["x-request-id"] != given
    assert len(headers["x-request-id"]) == 32
    assert "traceparent" not in headers


def deep(levels):
    return b'{"inputs":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(deep(200), id="deep"),
        pytest.param(deep(100_000), id="deeper"),
        pytest.param(b'{"a":' * 100_000, id="deep objects"),
        pytest.param(b'{"inputs":[],"parameters":{"timeout":NaN}}', id="NaN"),
        pytest.param(b'{"inputs":[],"parameters":{"timeout":-1}}', id="negative"),
        pytest.param(b'{"inputs":[],"parameters":{"timeout":1e308}}', id="huge"),
        pytest.param(b'{"inputs":[],"parameters":{"timeout":' + b"9" * 5000 + b"}}", id="digits"),
        pytest.param(b'{"inputs":[],"id":"\\ud800"}', id="half a character"),
        pytest.param(b'\xef\xbb\xbf{"inputs":[]}', id="byte order mark"),
        pytest.param('{"inputs":[]}'.encode("utf-16"), id="UTF-16"),
    ],
)
def test_json(door, infer, body):
    door.refused("POST", infer, body)
    door.refused("POST", "/v2/repository/models/x/load", body)


DIMENSION = st.sampled_from([0, 1, 2, 3, -1, 256, 1 << 31, (1 << 47) - 1, 1 << 63, 1.0, True, None])
VALUE = st.sampled_from([0, -1, 255, 256, 1 << 63, -(1 << 63), 1e308, 0.5, True, None, "", "x", []])


@st.composite
def infer_bodies(draw, inputs):
    """An infer request for a model that is nearly right, and its header length."""
    tensors, blobs = [], b""
    for spec in draw(st.lists(st.sampled_from(inputs), max_size=3)):
        tensor = {
            "name": spec["name"],
            "datatype": draw(st.just(spec["datatype"]) | st.sampled_from(DATATYPES)),
            "shape": draw(
                st.lists(DIMENSION, max_size=18)
                | st.just([0 if n == -1 else n for n in spec["shape"]])
                | st.permutations([0, 1 << 47, 1 << 47])
            ),
        }
        if draw(st.booleans()):
            tensor["data"] = draw(st.lists(VALUE, max_size=4))
        else:
            blob = draw(st.binary(max_size=32) | st.just(struct.pack("<If", 4, np.nan)))
            size = draw(st.just(len(blob)) | DIMENSION)
            tensor["parameters"] = {"binary_data_size": size}
            blobs += blob
        tensors.append(tensor)
    request = {"inputs": tensors, "parameters": {"timeout": draw(DIMENSION)}}
    head = json.dumps(request).encode()
    right = str(len(head))
    return head + blobs, draw(st.sampled_from([right] * 7 + ["0", "1", "999"]))


def test_tensors(door, model, infer):
    @settings(fuzz, max_examples=150)
    @given(infer_bodies(model["inputs"]))
    def answered(request):
        body, header_length = request
        status, _, answer = door.ask("POST", infer, body, **{HEADER_LENGTH: header_length})
        assert status < 500 or status == 504, answer
        if status != 200:
            assert list(json.loads(answer)) == ["error"]

    answered()


NUMBER = st.floats(width=32) | st.sampled_from([0.0, 1.0, 320.0, -1e30, 1e30, float("nan")])


def test_regions(stack, clip):
    """Regions of frames that are there, which only the cropping itself can refuse."""
    url = stack.urls["decode"]
    with requests.Session() as session:

        def ask(name, inputs, **parameters):
            body = json.dumps({"inputs": inputs, "parameters": parameters}, allow_nan=False)
            return session.post(f"{url}/v2/models/{name}/infer", body, timeout=30)

        video = {"name": "uri", "datatype": "BYTES", "shape": [1], "data": [clip.as_uri()]}
        handle = ask("decode", [video], count=2).json()["parameters"]["handle"]

        @settings(fuzz, max_examples=100)
        @given(
            st.lists(st.tuples(st.integers(-2, 3), st.lists(NUMBER, min_size=5, max_size=5))),
            st.sampled_from([1, 64, 4096, 0, -1, 4097, 1.5]),
        )
        def answered(regions, size):
            index = np.array([frame for frame, _ in regions], "<i8").tobytes()
            rois = np.array([roi for _, roi in regions], "<f4").tobytes()
            head = json.dumps(
                {
                    "inputs": [
                        {
                            "name": name,
                            "datatype": datatype,
                            "shape": [len(regions), *columns],
                            "parameters": {"binary_data_size": len(blob)},
                        }
                        for name, datatype, columns, blob in (
                            ("frame_index", "INT64", [], index),
                            ("rois", "FP32", [5], rois),
                        )
                    ],
                    "parameters": {
                        "handle": handle,
                        "height": size,
                        "width": 8,
                        "binary_data_output": True,
                    },
                }
            ).encode()
            response = session.post(
                f"{url}/v2/models/crop/infer",
                head + index + rois,
                headers={HEADER_LENGTH: str(len(head))},
                timeout=30,
            )
            assert response.status_code in (200, 400, 413), response.text

        answered()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--x", "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data; boundary=x"),
        (b"--x\r\n\0\xff: y\r\n\r\nz\r\n--x--", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data"),
        (b"--x--\r\n", 'multipart/form-data; boundary="'),
        (b"{}", "application/json; charset=nope"),
        (b"{}", "\xff"),
        (b"{}", "a/b/c;;=,"),
    ],
)
def test_content_types_of_pipelines(gateway, body, content_type):
    gateway.refused("POST", "/v1/pipelines/pose-2d", body, content_type=content_type)


RESULTS = b'{"source":"file:///x","output":"file:///x","results":%s}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[" * 100_000,
        RESULTS % b'[{"a":123456789012345678901234567890}]',
        RESULTS % b'[{"a":"\\ud800"}]',
        RESULTS % b'[{"a":NaN}]',
        RESULTS % (b'[{"a":' + b"[" * 900 + b"]" * 900 + b"}]"),
        RESULTS % b'[],"cutoff_hz":1e400',
        RESULTS % b'[],"cutoff_hz":[]',
        RESULTS % b'[],"\\ud800":1',
    ],
)
def test_bodies_of_postprocessing(gateway, body):
    gateway.refused("POST", "/v1/postprocess", body, content_type="application/json")


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_small_body_that_becomes_a_large_one(compress):
    app = create_app(DecodeSettings(max_body_bytes=1 << 20))
    with serving(app) as url, Door(url) as door:
        bomb = compress(bytes(10 << 20))
        assert len(bomb) < 20_000
        for path in ("/v2/models/decode/infer", "/v2/repository/index"):
            message = door.refused("POST", path, bomb, content_encoding="gzip", statuses=[413])
            assert "1048576 bytes" in message
        request = compress(b'{"ready":true}')
        for broken in (request[:-1], request[:5], request + b"x", request + request, b"", b"{}"):
            door.refused("POST", path, broken, content_encoding="gzip", statuses=[400])
        assert door.ask("POST", path, request, content_encoding="GZIP")[0] == 200


@pytest.mark.parametrize("endless", [b"x-filler: " + b"a" * 1000 + b"\r\n", b"a" * 1000])
def test_a_head_that_does_not_end_is_hung_up_on(stack, endless):
    """Many headers, or one that goes on and on: neither is collected for ever."""
    address = urlsplit(stack.urls["decode"])
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(b"GET /v2 HTTP/1.1\r\nhost: a\r\nx-first: ")
        sent = 0
        with suppress(ConnectionError):
            while sent < 16 << 20:
                client.sendall(endless)
                sent += len(endless)
        assert sent < 16 << 20
