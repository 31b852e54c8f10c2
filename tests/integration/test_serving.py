"""The serving core with real servers on loopback: retries, deadlines, limits, cancellation."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType

import aiohttp
import numpy as np
import pytest
import uvicorn

from podium.errors import (
    DeadlineExceeded,
    InvalidInput,
    Overloaded,
    PodiumError,
    StageFailed,
    Unavailable,
    Unprocessable,
)
from podium.serving.app import create_service_app
from podium.serving.calling.client import OipClient
from podium.serving.calling.connections import Connections
from podium.serving.calling.endpoints import StaticEndpoints
from podium.serving.hosting.batcher import Batcher
from podium.serving.http.settings import ServiceSettings
from podium.serving.observing.deadline import remaining_s, time_limit
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.batching import BatchLimits
from podium.serving.oip.catalogue import Catalogue
from podium.serving.server import DrainingServer
from podium.wire import InferResult, TensorSpec
from podium.wire.json_values import parsed_bytes
from tests.support import service_thread
from tests.support.http_calls import post_json
from tests.support.waiting import until


class Echo:
    """Answers with its input, as its behaviour says."""

    name, version, platform = "echo", "1", "test"
    inputs = (TensorSpec("x", "FP32", (-1,)),)
    outputs = (TensorSpec("x", "FP32", (-1,)),)
    parameters = MappingProxyType({})

    def __init__(self, behave=None):
        self.behave = behave
        self.calls = 0
        self.seen: list[dict] = []

    async def infer(self, request):
        self.calls += 1
        self.seen.append(request.parameters)
        if self.behave is not None:
            await self.behave(self.calls)
        return InferResult(dict(request.inputs))


@contextmanager
def serving(model, **settings):
    """A service with one model on a thread of its own; gives its URL and its app."""
    app = create_service_app(
        "test", Catalogue([model]), ServiceSettings(**settings), summary="For tests."
    )
    with service_thread.serving(app) as url:
        yield url, app


def raising(*errors):
    """Raises the given errors in turn, then nothing."""
    left = list(errors)

    async def behave(_):
        if left:
            raise left.pop(0)

    return behave


async def ask(urls, *, rows=1, budget=None):
    async with Connections() as pool:
        client = OipClient(pool, "test", StaticEndpoints(urls))
        x = {"x": np.ones(rows, np.float32)}
        if budget is None:
            return await client.infer("echo", x)
        async with time_limit(budget, "caller"):
            return await client.infer("echo", x)


@pytest.mark.parametrize(
    "error", [Unavailable("leaving"), Overloaded("full", retry_after_s=0.01), DeadlineExceeded("x")]
)
async def test_what_another_try_may_cure_is_tried_again(error):
    model = Echo(raising(error, error))
    with serving(model) as (url, _):
        result = await ask([url])
    assert result.outputs["x"].tolist() == [1]
    assert model.calls == 3


async def test_what_no_try_can_cure_is_not():
    for error, kind in (
        (InvalidInput("wrong", field="x"), InvalidInput),
        (Unprocessable("row 0: refused"), Unprocessable),
    ):
        model = Echo(raising(error))
        with serving(model) as (url, _), pytest.raises(kind, match=error.message):
            await ask([url])
        assert model.calls == 1


async def test_a_deadline_in_the_pause_before_another_try_leaves_the_reason(monkeypatch):
    until_the_end = 1e-6  # what the pause may not be longer than
    monkeypatch.setattr(
        "podium.serving.calling.client.backoff_s", lambda *_, **__: remaining_s() - until_the_end
    )
    with serving(Echo(raising(*[Unavailable("leaving")] * 20))) as (url, _):
        for _ in range(5):
            with pytest.raises(PodiumError, match=r"^test: "):
                await ask([url], budget=0.1)


async def run_once(url, budget_s=20.0):
    async with Connections() as pool, time_limit(budget_s, "caller"):
        client = OipClient(pool, "test", StaticEndpoints([url]), repeatable=False)
        return await client.infer("echo", {"x": np.ones(1, np.float32)})


@pytest.mark.parametrize("error", [Unavailable("leaving"), Overloaded("full", retry_after_s=0.01)])
async def test_a_run_that_was_refused_is_tried_again_even_where_runs_are_not_repeated(error):
    model = Echo(raising(error))
    with serving(model) as (url, _):
        assert (await run_once(url)).outputs["x"].tolist() == [1]
    assert model.calls == 2


async def test_a_run_that_may_go_on_is_not_repeated_where_that_is_said():
    model = Echo(raising(DeadlineExceeded("x")))
    with serving(model) as (url, _), pytest.raises(DeadlineExceeded):
        await run_once(url)
    assert model.calls == 1


@asynccontextmanager
async def losing(answer, *, asks):
    """A server that reads a request, its body if it `asks` for it, and hangs up after `answer`."""
    heads = []

    async def lose(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        if asks:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length
            await reader.readexactly(int(length[1]))
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(lose, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}", heads


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"])
async def test_a_run_whose_answer_was_lost_is_not_repeated_where_that_is_said(answer):
    async with losing(answer, asks=True) as (url, heads):
        with pytest.raises(StageFailed):
            await run_once(url)
    assert len(heads) == 1


async def test_a_run_that_was_lost_before_its_body_was_asked_for_is_tried_again():
    async with losing(b"", asks=False) as (url, heads):
        with pytest.raises(Unavailable, match="test: does not answer"):
            await run_once(url)
    assert len(heads) > 1


async def test_a_dead_replica_costs_nothing_but_a_retry():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with serving(Echo()) as (url, _):
            for _ in range(8):
                assert (await ask([dead, url])).outputs["x"].tolist() == [1]
        with pytest.raises(Unavailable, match="test: does not answer"):
            await ask([dead])


async def test_retries_cannot_multiply_a_load():
    async def always(_):
        raise Overloaded("full", retry_after_s=0.001)

    model = Echo(always)
    with serving(model) as (url, _):
        async with Connections() as pool:
            client = OipClient(pool, "test", StaticEndpoints([url]))
            x = {"x": np.ones(1, np.float32)}
            results = await asyncio.gather(
                *(client.infer("echo", x) for _ in range(200)), return_exceptions=True
            )
    assert all(isinstance(result, Overloaded) for result in results)
    assert model.calls <= 200 + 20 + 0.2 * 200 + 1


async def test_the_remaining_budget_travels():
    model = Echo()
    with serving(model) as (url, _):
        await ask([url], budget=20.0)
        await ask([url])
    assert 10_000_000 < model.seen[0]["timeout"] <= 20_000_000
    assert "timeout" not in model.seen[1]


async def test_a_slow_stage_is_named():
    async def slow(_):
        await asyncio.sleep(60)

    with serving(Echo(slow)) as (url, _):
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"^test"):
            await ask([url], budget=0.3)
        assert time.monotonic() - started < 30


def test_a_server_keeps_the_callers_deadline():
    stopped = threading.Event()

    async def slow(_):
        try:
            await asyncio.sleep(5)
        finally:
            stopped.set()

    tensor = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
    with serving(Echo(slow)) as (url, _):
        infer = f"{url}/v2/models/echo/infer"
        status, answer = post_json(infer, {"inputs": [tensor], "parameters": {"timeout": 100_000}})
        assert (status, answer) == (504, {"error": "test: the time budget has run out"})
        assert stopped.wait(10)
        status, _ = post_json(
            infer, {"inputs": [tensor]}, **{"x-envoy-expected-rq-timeout-ms": "100"}
        )
        assert status == 504
        for wrong in (-1, 1.5, "1", True):
            status, answer = post_json(
                infer, {"inputs": [tensor], "parameters": {"timeout": wrong}}
            )
            assert status == 400
            assert answer["error"].startswith("parameters.timeout")


class Held:
    """A model over a batcher whose engine waits until it is let go."""

    name, version, platform = "echo", "1", "test"
    inputs = (TensorSpec("x", "FP32", (-1,)),)
    outputs = (TensorSpec("x", "FP32", (-1,)),)
    parameters = MappingProxyType({})

    def __init__(self, **limits):
        self.gate = threading.Event()
        self.rows = 0
        self.pool = ThreadPoolExecutor(1)
        self.batcher = Batcher(
            self.run,
            self.pool,
            instances=1,
            limits=BatchLimits(**limits),
            stage="test",
            observer=Metrics("test").batches("echo"),
        )

    def run(self, inputs):
        assert self.gate.wait(20)
        self.rows += len(inputs["x"])
        return dict(inputs)

    async def infer(self, request):
        return InferResult((await self.batcher.infer(request.inputs)).outputs)


def body(rows):
    return json.dumps(
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [rows], "data": [1.0] * rows}]}
    )


async def test_a_client_that_leaves_frees_its_rows_while_the_engine_is_at_work():
    model = Held(max_batch=4)
    with serving(model) as (url, app):
        async with aiohttp.ClientSession() as session:
            calls = [
                asyncio.create_task(session.post(f"{url}/v2/models/echo/infer", data=body(4)))
                for _ in range(5)
            ]
            await until(lambda: model.batcher._queued_rows == 16)
            for call in calls[1:]:
                call.cancel()
            await until(lambda: model.batcher._queued_rows == 0)
            await until(lambda: app.state.admission.requests == 1)
            model.gate.set()
            response = await calls[0]
            assert response.status == 200
        assert model.rows == 4
    model.pool.shutdown()


async def test_a_full_queue_is_429_with_retry_after():
    model = Held(max_batch=1, max_queue_rows=4)
    with serving(model) as (url, _):
        async with aiohttp.ClientSession() as session:
            calls = [
                asyncio.create_task(session.post(f"{url}/v2/models/echo/infer", data=body(1)))
                for _ in range(12)
            ]
            await until(lambda: sum(call.done() for call in calls) == 7)
            refused = [call.result() for call in calls if call.done()]
            assert {response.status for response in refused} == {429}
            assert all(int(response.headers["retry-after"]) >= 1 for response in refused)
            model.gate.set()
            assert sum([(await call).status == 200 for call in calls]) == 5
    model.pool.shutdown()


async def test_the_door_limits_requests_and_bytes_but_never_health():
    model = Held()
    with serving(model, max_requests=2) as (url, _):
        async with aiohttp.ClientSession() as session:
            infer = f"{url}/v2/models/echo/infer"
            calls = [asyncio.create_task(session.post(infer, data=body(1))) for _ in range(2)]
            await until(lambda: model.batcher._queued_rows + model.batcher._running_rows == 2)
            async with session.post(infer, data=body(1)) as refused:
                assert refused.status == 429
                assert "retry-after" in refused.headers
                assert "too many requests" in (await refused.json())["error"]
            for path in ("/v2/health/live", "/v2/health/ready", "/metrics"):
                async with session.get(url + path) as response:
                    assert response.status == 200
            model.gate.set()
            assert {(await call).status for call in calls} == {200}
    model.pool.shutdown()
    held = Held()
    with serving(held, max_in_flight_bytes=1000) as (url, _):
        async with aiohttp.ClientSession() as session:
            infer = f"{url}/v2/models/echo/infer"
            first = asyncio.create_task(session.post(infer, data=body(150)))
            await until(lambda: held.batcher._running_rows > 0)
            async with session.post(infer, data=body(150)) as refused:
                assert refused.status == 429
            held.gate.set()
            assert (await first).status == 200
    held.pool.shutdown()


async def test_bodies_of_undeclared_length_are_limited_as_they_come():
    async def chunks():
        data = body(150).encode()
        for start in range(0, len(data), 100):
            yield data[start : start + 100]

    held = Held()
    with serving(held, max_in_flight_bytes=1000) as (url, app):
        async with aiohttp.ClientSession() as session:
            infer = f"{url}/v2/models/echo/infer"
            first = asyncio.create_task(session.post(infer, data=chunks()))
            await until(lambda: held.batcher._running_rows > 0)
            assert app.state.admission.bytes == len(body(150))
            async with session.post(infer, data=chunks()) as refused:
                assert refused.status == 429
                assert "retry-after" in refused.headers
                assert "too many bytes" in (await refused.json())["error"]
            held.gate.set()
            assert (await first).status == 200
        await until(lambda: app.state.admission.bytes == 0)
    held.pool.shutdown()


async def test_compressed_bodies_count_with_what_they_become():
    data = body(1).encode() + b" " * 2_000_000
    packed = gzip.compress(data)
    assert len(data) > 1 << 20 > 100 * len(packed)  # more than a piece
    held = Held()
    with serving(held, max_in_flight_bytes=len(data) * 3 // 2) as (url, app):
        async with aiohttp.ClientSession(headers={"content-encoding": "gzip"}) as session:
            infer = f"{url}/v2/models/echo/infer"
            first = asyncio.create_task(session.post(infer, data=packed))
            await until(lambda: held.batcher._running_rows > 0)
            held_bytes = len(data) + len(packed) + parsed_bytes(data)
            assert app.state.admission.bytes == held_bytes
            async with session.post(infer, data=packed) as refused:
                assert refused.status == 429
                assert "retry-after" in refused.headers
                assert "too many bytes" in (await refused.json())["error"]
            held.gate.set()
            assert (await first).status == 200
        await until(lambda: app.state.admission.bytes == 0)
    held.pool.shutdown()


async def test_drain_refuses_new_work_finishes_what_is_there_then_stops():
    model = Held()
    app = create_service_app("test", Catalogue([model]), ServiceSettings(), summary="For tests.")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = DrainingServer(uvicorn.Config(app, log_level="error"), app.state.admission, 10)
        stopped = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        async with aiohttp.ClientSession() as session:
            call = asyncio.create_task(session.post(f"{url}/v2/models/echo/infer", data=body(1)))
            await until(lambda: model.batcher._running_rows == 1)
            server.handle_exit(15, None)
            async with session.get(f"{url}/v2/health/ready") as ready:
                assert ready.status == 503
                assert await ready.json() == {"ready": False}
            async with session.get(f"{url}/v2/health/live") as live:
                assert live.status == 200
            async with session.post(f"{url}/v2/models/echo/infer", data=body(1)) as refused:
                assert refused.status == 503
                assert refused.headers["connection"] == "close"  # the next call goes elsewhere
            assert not stopped.done()
            model.gate.set()
            assert (await call).status == 200
        await asyncio.wait_for(stopped, 60)
    model.pool.shutdown()
