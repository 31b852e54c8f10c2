"""Clients that send too slowly or do not read: one service, real sockets, a limit to fail soon."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import ExitStack, contextmanager
from types import MappingProxyType

import aiohttp
import numpy as np
import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from podium.serving.app import create_service_app
from podium.serving.http.settings import ServiceSettings
from podium.serving.http.slow_clients import SlowClientLimit
from podium.serving.oip.catalogue import Catalogue
from podium.wire import InferResult, TensorSpec
from tests.support import service_thread
from tests.support.slow_clients import NeverReader, dribble, head
from tests.support.waiting import until

LIMIT = SlowClientLimit(window_s=0.4, bytes_per_s=500)
BYTE_EVERY_S = 0.05
INFER = "/v2/models/zeros/infer"


class Zeros:
    """Answers with as many zeros as it is asked for."""

    name, version, platform = "zeros", "1", "test"
    inputs = (TensorSpec("count", "INT64", (1,)),)
    outputs = (TensorSpec("zeros", "UINT8", (-1,)),)
    parameters = MappingProxyType({})

    async def infer(self, request):
        return InferResult({"zeros": np.zeros(int(request.inputs["count"][0]), np.uint8)})


def body(count):
    tensor = {"name": "count", "datatype": "INT64", "shape": [1], "data": [count]}
    return json.dumps({"inputs": [tensor]}).encode()


def request(count):
    data = body(count)
    return head("POST", INFER, content_length=len(data)) + data


class Lines:
    """A stream without an end, and how far it has come."""

    def __init__(self):
        self.count = 0
        self.ended = False

    async def stream(self):
        try:
            for self.count in itertools.count(1):
                yield b"x" * 10_000 + b"\n"
                await asyncio.sleep(0)
        finally:
            self.ended = True


@contextmanager
def serving(lines=None, **settings):
    """A service with ``Zeros`` and a stream; gives its URL and its admission."""
    router = APIRouter()

    @router.post("/stream")
    async def stream():
        return StreamingResponse(lines.stream())

    app = create_service_app(
        "test", Catalogue([Zeros()]), ServiceSettings(**settings), summary="-", routers=[router]
    )
    with service_thread.serving(app, LIMIT) as url:
        yield url, app.state.admission


async def others_are_served(url, times=20):
    async with aiohttp.ClientSession() as session:
        for _ in range(times):
            async with session.post(url + INFER, data=body(3)) as response:
                assert response.status == 200


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        pytest.param(b"", b"GET /v2 HTTP/1.1\r\nx: " + b"a" * 1000, id="request line"),
        pytest.param(b"GET /v2 HTTP/1.1\r\nx: ", b"a" * 1000, id="header"),
        pytest.param(b"", b"\r\n" * 1000, id="empty lines"),
        pytest.param(b"GET /v2 HTTP/1.1\r\nhost: a\r\n\r\n", b"\r\n" * 1000, id="after a request"),
    ],
)
async def test_a_head_that_takes_too_long_is_answered_with_408(first, rest):
    with serving() as (url, _):
        hangup = await dribble(url, first, rest, BYTE_EVERY_S)
    *_, last = hangup.answer.split(b"HTTP/1.1 ")
    answer_head, _, answer = last.partition(b"\r\n\r\n")
    assert answer_head.startswith(b"408 Request Timeout\r\n")
    assert b"connection: close" in answer_head
    assert "head has to be there within 0.4 s" in json.loads(answer)["error"]


@pytest.mark.parametrize("field", [{"content_length": 1000}, {"transfer_encoding": "chunked"}])
async def test_a_body_that_comes_too_slowly_is_answered_with_408(field):
    rest = b"3e8\r\n" + b" " * 1000 if "transfer_encoding" in field else b" " * 1000
    with serving() as (url, _):
        hangup = await dribble(url, head("POST", INFER, **field), rest, BYTE_EVERY_S)
        assert hangup.status == 408
        answer_head, _, answer = hangup.answer.partition(b"\r\n\r\n")
        assert b"connection: close" in answer_head
        assert b"x-request-id: " in answer_head
        assert "500 bytes per second" in json.loads(answer)["error"]
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as metrics:
            assert 'code="408"' in await metrics.text()


async def test_who_was_refused_and_goes_on_sending_slowly_is_hung_up_on():
    with serving() as (url, _):
        first = head("POST", "/v2/models/nobody/infer", content_length=1000)
        hangup = await dribble(url, first, b" " * 1000, BYTE_EVERY_S)
        assert hangup.status == 404


async def test_a_slow_client_that_keeps_the_pace_is_answered():
    data = body(3) + b" " * 2000  # in at least 1.5 s, four windows long
    with serving() as (url, _):
        reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
        writer.write(head("POST", INFER, content_length=len(data), connection="close"))
        for start in range(0, len(data), 150):
            writer.write(data[start : start + 150])
            await asyncio.sleep(0.1)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        await writer.wait_closed()


async def test_bodies_that_are_still_coming_take_nobodys_turn():
    first = head("POST", INFER, content_length=1000)
    with serving(max_requests=1) as (url, admission):
        slow = [
            asyncio.create_task(dribble(url, first, b" " * 1000, BYTE_EVERY_S)) for _ in range(20)
        ]
        await until(lambda: admission.waiting == 20)
        await others_are_served(url)
        assert {hangup.status for hangup in await asyncio.gather(*slow)} == {408}
        await until(lambda: admission.requests == admission.waiting == 0)


async def test_more_bodies_than_turns_at_once_are_refused_when_they_are_there():
    """The last byte of both comes while the other's request is at work."""
    with serving(max_requests=1) as (url, admission):
        async with aiohttp.ClientSession() as session:
            answers = await asyncio.gather(
                *(session.post(url + INFER, data=body(2_000_000)) for _ in range(8))
            )
            statuses = {answer.status for answer in answers}
            assert 200 in statuses <= {200, 429}
            for answer in answers:
                assert (answer.status == 429) == ("retry-after" in answer.headers)
                answer.close()
        await until(lambda: admission.requests == admission.waiting == 0)


async def test_a_stream_pauses_while_nobody_reads_and_ends_when_nobody_does():
    lines = Lines()
    with serving(lines, max_requests=1) as (url, admission):
        reader = NeverReader(url, head("POST", "/stream", content_length=0))
        await until(lambda: admission.waiting == 1)
        await asyncio.sleep(0.1)
        come = lines.count
        await others_are_served(url)
        assert lines.count == come < 100
        await until(lambda: lines.ended)
        assert lines.count == come
        await until(lambda: reader.hung_up_on)
        reader.close()
        await until(lambda: admission.requests == admission.waiting == 0)


async def test_answers_that_nobody_takes_are_bounded_and_dropped():
    size = 1_000_000  # as JSON, twice that
    with serving(max_requests=1, max_in_flight_bytes=5 * size) as (url, admission):
        with ExitStack() as leaving:
            readers = []
            for number in range(6):
                readers.append(NeverReader(url, request(size)))
                leaving.callback(readers[-1].close)
                await until(
                    lambda number=number: (  # for its reader, no longer for its body
                        len(admission.write_buffers) == min(number + 1, 2)
                        and sum(reader.hung_up_on for reader in readers) == max(0, number - 1)
                    )
                )
                assert 0 < sum(admission.write_buffers.values()) <= 5 * size
            assert [reader.hung_up_on for reader in readers] == [True] * 4 + [False] * 2
            await others_are_served(url)
            await until(lambda: all(reader.hung_up_on for reader in readers))
        await until(lambda: admission.requests == admission.waiting == 0)
        assert admission.write_buffers == {}
        await others_are_served(url)
