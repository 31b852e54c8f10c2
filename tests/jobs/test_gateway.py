"""Calls to a gateway: what passes is tried again, five times at most, and nothing else is."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from podium.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    Overloaded,
    PodiumError,
    SetupError,
    StageFailed,
    Unavailable,
)
from podium.jobs.gateway import HttpTiers
from podium.jobs.timing import STEPS, Step, Timing

TIMING = Timing(
    steps={name: Step(60.0, 5, 0.1, 1.0, 0.1) for name in STEPS},
    call_backoff_s=0.01,
    call_longest_backoff_s=2.0,
)
Answer = bytes | None
"""Bytes to send, or None: hang up."""


def answer(status: int, body: object, *headers: str) -> bytes:
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}", "connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


@contextmanager
def gateway(reply: Callable[[int], Answer]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives each request the reply for its number (from 1); and the requests."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(60)
                    data = b""
                    while b"\r\n\r\n" not in data or not data.endswith(b"}"):
                        data += connection.recv(65536)
                    requests.append(data)
                    if (sent := reply(len(requests))) is not None:
                        connection.sendall(sent)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", requests
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def tiers() -> HttpTiers:
    return HttpTiers(TIMING, api_key="secret")


def run(tiers: HttpTiers, url: str) -> bytes:
    body = {"uri": "file:///x.mp4", "start": 0, "count": 4, "step": 1}
    return tiers.run(url, "/v1/pipelines/pose", body, idempotency_key="frame-batch-7")


@pytest.mark.parametrize("passing", [None, answer(502, {}), answer(503, {}), answer(504, {})])
def test_what_passes_is_tried_five_times(tiers: HttpTiers, passing: Answer) -> None:
    with gateway(lambda n: answer(200, {"n": n}) if n == 5 else passing) as (url, requests):
        assert json.loads(run(tiers, url)) == {"n": 5}
    assert len(requests) == 5
    for request in requests:
        head = request.partition(b"\r\n\r\n")[0].lower()
        assert b"idempotency-key: frame-batch-7" in head
        assert b"x-api-key: secret" in head


@pytest.mark.parametrize(
    ("reply", "error", "tries"),
    [
        (None, StageFailed, 5),
        (answer(502, {"error": "pose2d broke"}), StageFailed, 5),
        (answer(503, {"error": "draining"}), Unavailable, 5),
        (answer(504, {"error": "decode was slow"}), DeadlineExceeded, 5),
        (answer(429, {"error": "full"}), Overloaded, 5),
        (answer(400, {"error": "stride: is wrong"}), InvalidInput, 1),
        (answer(404, {"error": "no such pipeline"}), NotFound, 1),
        (answer(500, {"error": "oh"}), StageFailed, 1),
        (answer(307, {}, "location: http://127.0.0.1:1/"), StageFailed, 1),
        (b"this is not HTTP\r\n\r\n", StageFailed, 5),
    ],
)
def test_the_last_answer_is_told(
    tiers: HttpTiers, reply: Answer, error: type[PodiumError], tries: int
) -> None:
    with gateway(lambda _: reply) as (url, requests):
        with pytest.raises(error) as told:
            run(tiers, url)
        assert type(told.value) is error
    assert len(requests) == tries


def test_a_gateway_that_says_when_to_come_back_is_believed(tiers: HttpTiers) -> None:
    times: list[float] = []

    def reply(number: int) -> bytes:
        times.append(time.monotonic())
        return answer(200, {}) if number == 2 else answer(503, {}, "retry-after: 1")

    with gateway(reply) as (url, _):
        run(tiers, url)
    assert times[1] - times[0] >= 0.99


def test_who_cannot_be_reached_is_told_from_who_is_silent(tiers: HttpTiers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DeadlineExceeded):
            run(HttpTiers(Timing(steps={"consume": Step(0.5, 5, 0.1, 1.0, 0.1)})), url)
    with pytest.raises(Unavailable, match="cannot be reached"):
        run(tiers, url)
    for nonsense in ("http://", "nonsense://host", "http://[::1"):
        with pytest.raises(SetupError, match="not the address of a gateway"):
            run(tiers, nonsense)


def test_postprocessing_is_not_begun_twice(tiers: HttpTiers) -> None:
    done = answer(200, {"files": [], "summary": {}, "warnings": []})
    with gateway(lambda n: None if n == 1 else done) as (url, requests):
        with pytest.raises(StageFailed, match="hung up"):
            tiers.postprocess(url, {"source": "x"})
        assert len(requests) == 1
    with gateway(lambda n: answer(503, {}) if n == 1 else answer(200, {"no": 1})) as (
        url,
        requests,
    ):
        with pytest.raises(StageFailed, match="no gateway of Podium"):
            tiers.postprocess(url, {"source": "x"})
        assert len(requests) == 2  # refused, hence not begun


def test_all_tries_together_end_in_time() -> None:
    patient = HttpTiers(Timing(call_backoff_s=10.0, call_longest_backoff_s=60.0))
    with (
        gateway(lambda _: answer(503, {"error": "draining"})) as (url, requests),
        pytest.raises(Unavailable, match="draining"),
    ):
        patient.run(url, "/", {}, idempotency_key="x", seconds=20.0)
    assert len(requests) == 2  # the next try would come after a pause of 20 s
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DeadlineExceeded):  # the table has 600 s
            patient.run(url, "/", {}, idempotency_key="x", seconds=0.5)
