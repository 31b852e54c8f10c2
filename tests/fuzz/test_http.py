"""Requests with mistakes on raw sockets: no 5xx, no answer that is not HTTP, nothing that hangs."""

from __future__ import annotations

import json
import logging
import re
import socket
from contextlib import suppress
from types import MappingProxyType

import numpy as np
import pytest

from podium.serving.app import create_service_app
from podium.serving.http.settings import ServiceSettings
from podium.serving.oip.catalogue import Catalogue
from podium.wire import InferResult, TensorSpec
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import mutated
from tests.support.service_thread import serving

BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "UINT8", "shape": [3], "data": [1, 2, 3]}]}
).encode()
POST = b"POST /v2/models/echo/infer HTTP/1.1\r\nhost: a\r\n"
REQUESTS = [
    POST + b"content-length: %d\r\n\r\n" % len(BODY) + BODY,
    POST + b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\na: b\r\n\r\n" % (len(BODY), BODY),
    POST + b"connection: Upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}",
    b"GET /v2/models/echo HTTP/1.1\r\nhost: a\r\n\r\n" * 3,
    b"HEAD /v2/health/ready HTTP/1.0\r\n\r\n",
    POST
    + b"content-encoding: gzip\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n\x1f\x8b\0\0",
]
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class Echo:
    """Answers with what it is given."""

    name, version, platform = "echo", "1", "test"
    inputs = (TensorSpec("x", "UINT8", (-1,)),)
    outputs = inputs
    parameters = MappingProxyType({})

    async def infer(self, request):
        return InferResult({"x": np.array(request.inputs["x"])})


@pytest.fixture(scope="module")
def address():
    app = create_service_app("test", Catalogue([Echo()]), ServiceSettings(), summary="-")
    with serving(app) as url:
        host, port = url.removeprefix("http://").split(":")
        yield host, int(port)


def test_mutated_requests(address, caplog):
    def answered(random):
        caplog.clear()
        data = mutated(random, REQUESTS)
        cuts = sorted(random.randrange(400) for _ in range(random.randrange(4)))
        with socket.create_connection(address, timeout=20) as connection:
            with suppress(OSError):  # it has hung up already
                for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
                    connection.sendall(data[start:stop])
                connection.shutdown(socket.SHUT_WR)
            answers = bytearray()
            with suppress(ConnectionResetError):
                while part := connection.recv(1 << 16):
                    answers += part
        assert not answers or answers.startswith(b"HTTP/1.1 ")
        statuses = [int(status) for status in ANSWER.findall(answers)]
        assert all(status < 500 for status in statuses), bytes(answers)
        assert not [record for record in caplog.records if record.exc_info]

    with caplog.at_level(logging.WARNING):
        campaign(answered)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
