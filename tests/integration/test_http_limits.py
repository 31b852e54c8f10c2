"""What a connection may send: raw sockets against one service, whose limits are those shipped."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import socket
import struct
from contextlib import closing, contextmanager, suppress
from types import MappingProxyType

import numpy as np
import pytest
import yaml
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.middleware import Middleware

from podium.serving.app import create_service_app
from podium.serving.http.keys import KeyFile, RequireApiKey, new_key
from podium.serving.http.protocol import MAX_HEAD_BYTES, MAX_HEADERS, MAX_PIPELINED
from podium.serving.http.settings import ServiceSettings
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.catalogue import Catalogue
from podium.wire import InferResult, TensorSpec
from tests.support import service_thread
from tests.support.waiting import blocking_until

INFER = b"/v2/models/echo/infer"
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "UINT8", "shape": [3], "data": [1, 2, 3]}]}
).encode()
UPGRADE = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"


class Echo:
    """Answers with what it is given."""

    name, version, platform = "echo", "1", "test"
    inputs = (TensorSpec("x", "UINT8", (-1,)),)
    outputs = inputs
    parameters = MappingProxyType({})

    async def infer(self, request):
        return InferResult({"x": np.array(request.inputs["x"])})


class Held:
    """Requests that are held until their client has gone."""

    def __init__(self):
        self.begun = self.left = 0

    async def hold(self):
        self.begun += 1
        try:
            await asyncio.sleep(60)
        finally:
            self.left += 1


@contextmanager
def serving(held=None, middleware=(), **settings):
    """A service; gives a function that connects to it."""
    router = APIRouter()

    @router.get("/lines")
    async def lines():
        async def stream():
            for number in range(3):
                yield b"%d\n" % number

        return StreamingResponse(stream())

    @router.post("/headers")
    async def headers(request: Request):
        await request.body()
        return dict(request.headers)

    @router.get("/held")
    async def hold():
        await held.hold()

    app = create_service_app(
        "test",
        Catalogue([Echo()]),
        ServiceSettings(**settings),
        summary="-",
        routers=[router],
        middleware=middleware,
    )
    with service_thread.serving(app) as url:
        host, port = url.removeprefix("http://").split(":")
        yield lambda: closing(socket.create_connection((host, int(port)), timeout=10))


@pytest.fixture
def connect():
    with serving() as connecting:
        yield connecting


def post(path=INFER, body=BODY, headers=b"", length=True):
    framing = b"content-length: %d\r\n" % len(body) if length else b""
    return b"POST %s HTTP/1.1\r\nhost: a\r\n%s%s\r\n%s" % (path, headers, framing, body)


def chunked(body, size=7):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def read_all(connection):
    """Everything until the server closes the connection."""
    received = bytearray()
    try:
        while part := connection.recv(1 << 16):
            received += part
    except ConnectionResetError:
        pass
    return bytes(received)


def statuses(answers):
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


LAST = b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
SMUGGLED = b"GET /v2/models/smuggled HTTP/1.1\r\nhost: a\r\n\r\n"


@pytest.mark.parametrize("segments", [1, 2, 40])
@pytest.mark.parametrize("coding", ["length", "chunks"])
def test_an_upgrade_is_ignored_and_the_body_read_whole(connect, segments, coding):
    if coding == "length":
        request = post(headers=UPGRADE)
    else:
        request = post(headers=UPGRADE + b"transfer-encoding: chunked\r\n", body=b"", length=False)
        request += chunked(BODY)
    data = request + LAST
    step = -(-len(data) // segments)
    with connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), step):
            connection.sendall(data[at : at + step])
        answers = read_all(connection)
    assert statuses(answers) == [200, 200]
    assert b'"data":[1,2,3]' in answers
    assert answers.endswith(b'{"live":true}')


def test_a_body_behind_an_upgrade_is_no_second_request(connect):
    with connect() as connection:
        connection.sendall(post(headers=UPGRADE, body=SMUGGLED) + LAST)
        answers = read_all(connection)
    assert statuses(answers) == [400, 200], "its body is not JSON; what follows is the next request"
    assert b"smuggled" not in answers


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE"])
def test_an_upgrade_without_a_body(connect, method):
    request = b"%s /v2/health/live HTTP/1.1\r\nhost: a\r\n%s\r\n" % (method, UPGRADE)
    with connect() as connection:
        connection.sendall(request + LAST)
        answers = read_all(connection)
    assert statuses(answers) == [405 if method == b"DELETE" else 200, 200]


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 3\r\ntransfer-encoding: chunked\r\n",
        b"content-length: 3\r\ncontent-length: 4\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"content-length: +3\r\n",
        b"content-length: " + b"9" * 5000 + b"\r\n",
    ],
)
@pytest.mark.parametrize("upgrade", [b"", UPGRADE])
def test_framing_that_may_be_read_in_two_ways_is_refused(connect, framing, upgrade):
    with connect() as connection:
        connection.sendall(post(headers=upgrade + framing, body=SMUGGLED, length=False))
        answers = read_all(connection)
    assert statuses(answers) == [400]


@pytest.mark.parametrize("piece", [1 << 20, 1000])
@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"a:\r\n" * 300_000, "more than 128 headers"),
        (b"a: %s\r\n" % (b"x" * 2_000_000), "over 65536 bytes"),
        (b"a" * 2_000_000, "over 65536 bytes"),
        (b"".join(b"a%d: %s\r\n" % (i, b"x" * 1000) for i in range(100)), "over 65536 bytes"),
    ],
)
def test_a_head_is_limited_in_number_and_size(connect, head, says, piece):
    data = b"GET /v2 HTTP/1.1\r\nhost: a\r\n" + head + b"\r\n"
    with connect() as connection:
        sent = 0
        try:
            for sent in range(0, len(data), piece):
                connection.sendall(data[sent : sent + piece])
        except (ConnectionResetError, BrokenPipeError):
            pass
        answers = read_all(connection)
    if answers:  # a reset may take it away
        assert statuses(answers) == [431]
        assert says in json.loads(answers.partition(b"\r\n\r\n")[2])["error"]
    assert sent < len(data) - piece or answers


def test_an_endless_request_line_is_refused(connect):
    with connect() as connection:
        with suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(b"GET /" + b"a" * 4_000_000)
        answers = read_all(connection)
    assert statuses(answers) in ([431], [])


def test_as_many_headers_as_are_allowed_pass(connect):
    headers = b"".join(b"a%d: x\r\n" % i for i in range(MAX_HEADERS - 2))  # host, content-length
    with connect() as connection:
        connection.sendall(post(headers=headers) + LAST)
        assert statuses(read_all(connection)) == [200, 200]


def test_trailers_are_dropped(connect):
    trailers = b"x-request-id: from-a-trailer\r\nx-api-key: secret\r\n"
    request = post(b"/headers", b"", b"transfer-encoding: chunked\r\n", length=False)
    with connect() as connection:
        connection.sendall(request + b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n" + LAST)
        answers = read_all(connection)
    assert statuses(answers) == [200, 200]
    assert b"trailer" not in answers
    assert b"secret" not in answers


def test_a_key_in_a_trailer_opens_nothing(tmp_path):
    key, digest = new_key()
    (tmp_path / "keys.yaml").write_text(yaml.safe_dump([{"id": "a", "sha256": digest}]))
    keys = Middleware(RequireApiKey, keys=KeyFile(tmp_path / "keys.yaml"), metrics=Metrics("test"))
    request = post(body=b"", headers=b"transfer-encoding: chunked\r\n", length=False)
    trailer = b"0\r\nx-api-key: %s\r\n\r\n" % key.encode()
    with serving(middleware=[keys]) as connect:
        for header, status in ((b"", 401), (b"x-api-key: %s\r\n" % key.encode(), 200)):
            with connect() as connection:
                connection.sendall(request.replace(b"host", header + b"host"))
                connection.sendall(chunked(BODY)[:-5] + trailer + LAST)
                assert statuses(read_all(connection)) == [status, 200]


@pytest.mark.parametrize(
    "flood",
    [b"0\r\n" + b"a: b\r\n" * 200_000, b"0\r\na: " + b"b" * 2_000_000, b"3;" + b"x" * 2_000_000],
)
def test_what_a_body_has_beside_its_bytes_is_limited(connect, flood):
    request = post(body=b"", headers=b"transfer-encoding: chunked\r\n", length=False)
    with connect() as connection:
        with suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(request + flood)
        answers = read_all(connection)
    assert statuses(answers) in ([400], [])


def test_small_chunks_pass(connect):
    body = BODY + b" " * 200_000
    request = post(body=b"", headers=b"transfer-encoding: chunked\r\n", length=False)
    with connect() as connection:
        connection.sendall(request + chunked(body, size=1) + LAST)
        assert statuses(read_all(connection)) == [200, 200]


def test_pipelined_requests_are_answered_in_order_up_to_a_limit(connect):
    get = b"GET /v2/models/m%d HTTP/1.1\r\nhost: a\r\n\r\n"
    for count, answered in ((MAX_PIPELINED, MAX_PIPELINED), (14_000, MAX_PIPELINED + 1)):
        with connect() as connection:
            connection.sendall(b"".join(get % i for i in range(count - 1)) + LAST)
            answers = read_all(connection)
        assert len(statuses(answers)) == answered
        names = [int(name) for name in re.findall(rb"no 'm(\d+)'", answers)]
        assert names == list(range(len(names)))


def test_an_answer_is_not_overtaken_by_the_refusal_of_what_follows(connect):
    with connect() as connection:
        connection.sendall(post() + b"NOT HTTP AT ALL\r\n\r\n")
        answers = read_all(connection)
    assert statuses(answers) == [200]
    assert b'"data":[1,2,3]' in answers


def test_the_request_in_work_ends_when_its_client_goes_though_others_wait_behind_it():
    held = Held()
    with serving(held) as connect:
        with connect() as connection:
            connection.sendall(b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n" * 3)
            blocking_until(lambda: held.begun == 1)
        blocking_until(lambda: held.left == 1, within_s=10)
        assert held.begun == 1, "those behind it are not begun"


def test_clients_that_reset_leave_no_tracebacks(connect, caplog):
    with caplog.at_level(logging.INFO):
        for _ in range(20):
            with connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(post() + post())
        with connect() as connection:
            connection.sendall(LAST)
            assert statuses(read_all(connection)) == [200]
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/v2/models/echo", "/v2"])
def test_head_is_answered_like_get(connect, path):
    request = b"%s " + path.encode() + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    found = []
    for method in (b"GET", b"HEAD"):
        with connect() as connection:
            connection.sendall(request % method)
            head, _, body = read_all(connection).partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head).group(1)
        found.append((head.split(b"\r\n")[0], length, body))
    (get, length, body), (by_head, length_by_head, nothing) = found
    assert (get, length, len(body)) == (by_head, length_by_head, int(length))
    assert nothing == b""


def test_http_1_0_gets_no_chunks(connect):
    with connect() as connection:
        connection.sendall(b"GET /lines HTTP/1.0\r\n\r\n")
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"content-length: 6" in head
    assert body == b"0\n1\n2\n"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(INFER, b"POST"), (b"/v2/health/ready", b"GET, HEAD"), (b"/v2/models/echo", b"GET, HEAD")],
)
def test_the_allow_header_names_every_method(connect, path, allowed):
    with connect() as connection:
        connection.sendall(b"PUT %s HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % path)
        head, _, _ = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert re.search(rb"allow: ([^\r]*)", head).group(1) == allowed


def test_gzip_of_several_members(connect):
    body = gzip.compress(BODY[:20]) + gzip.compress(BODY[20:]) + gzip.compress(b"")
    with connect() as connection:
        connection.sendall(post(body=body, headers=b"content-encoding: gzip\r\n") + LAST)
        assert statuses(read_all(connection)) == [200, 200]
    for wrong in (gzip.compress(BODY) + b"rest", gzip.compress(b"") * 10_001):
        with connect() as connection:
            connection.sendall(post(body=wrong, headers=b"content-encoding: gzip\r\n") + LAST)
            assert statuses(read_all(connection)) == [400, 200]


def test_the_limit_of_a_head_is_what_the_documentation_says():
    assert MAX_HEAD_BYTES == 64 << 10
