"""The wall clock jumps by days, there and back: nothing that waits or expires takes notice."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import time
import urllib.request
from contextlib import ExitStack

import pytest
import pytest_asyncio

from tests.faults.replicas import STAGES
from tests.support.http_calls import post_json
from tests.support.load import client_of, difference
from tests.support.one_service import one_service

DAY_S = 86_400
STORE_TTL_S = 1.5
BUDGET = "x-envoy-expected-rq-timeout-ms"

CLOCK = """
import pathlib
import time

_file = pathlib.Path({file!r})
_real_s, _real_ns = time.time, time.time_ns
time.time = lambda: _real_s() + int(_file.read_text())
time.time_ns = lambda: _real_ns() + int(_file.read_text()) * 1_000_000_000
"""


class WallClock:
    """What processes that import its folder take for the time of day."""

    def __init__(self, folder):
        self.file = folder / "offset_s"
        self.set_to(0)
        (folder / "sitecustomize.py").write_text(CLOCK.format(file=str(self.file)))
        self.environment = {"PYTHONPATH": str(folder)}

    def set_to(self, offset_s):
        new = self.file.with_suffix(".new")
        new.write_text(str(offset_s))
        new.replace(self.file)


@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path)


@pytest.fixture
def decode(clock, clip):
    settings = {
        "PODIUM_DECODE_STORE_TTL_S": str(STORE_TTL_S),
        "PODIUM_OBJECTS_READ_ROOTS": str(clip.parent),
    }
    with one_service("decode", clock.environment | settings) as service:
        yield service


@pytest.fixture
def gateway(clock, replicas):
    urls = {
        f"PODIUM_GATEWAY_{stage.upper()}_URL": ",".join(replicas.urls(stage)) for stage in STAGES
    }
    with one_service("gateway", clock.environment | urls | {"PODIUM_MAX_REQUESTS": "1"}) as service:
        yield service


@pytest_asyncio.fixture
async def client(gateway, media):
    async with client_of([gateway.url], media) as client:
        yield client


def decoded(decode, clip):
    """The handle of a frame that is kept."""
    uri = {"name": "uri", "datatype": "BYTES", "shape": [1], "data": [clip.as_uri()]}
    parameters = {"start": 0, "count": 1}
    status, answer = post_json(
        f"{decode.url}/v2/models/decode/infer", {"inputs": [uri], "parameters": parameters}
    )
    assert status == 200, answer
    return answer["parameters"]["handle"]


def crop(decode, handle):
    """Status of cropping out of it."""
    inputs = [
        {"name": "frame_index", "datatype": "INT64", "shape": [1], "data": [0]},
        {"name": "rois", "datatype": "FP32", "shape": [1, 5], "data": [99, 99, 50, 50, 0]},
    ]
    parameters = {"handle": handle, "height": 8, "width": 8}
    request = {"inputs": inputs, "parameters": parameters}
    return post_json(f"{decode.url}/v2/models/crop/infer", request)[0]


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S])
def test_frames_are_kept_for_their_term(decode, clock, clip, jump_s):
    handle = decoded(decode, clip)
    clock.set_to(jump_s)
    assert crop(decode, handle) == 200
    with urllib.request.urlopen(f"{decode.url}/v2/models/crop/stats") as stats:
        (seen,) = json.load(stats)["model_stats"]
    assert abs(seen["last_inference"] / 1e3 - time.time() - jump_s) < 600  # it has jumped
    time.sleep(STORE_TTL_S + 0.1)
    assert crop(decode, handle) == 404


async def until_in_work(client, gateway):
    """Wait until the gateway works on a request."""
    async with asyncio.timeout(60):
        while True:
            async with client.session.get(f"{gateway.url}/metrics") as response:
                text = await response.text()
            found = re.search(r"^podium_in_flight_requests{.*} (\S+)$", text, re.MULTILINE)
            if float(found[1]) > 1:  # the scrape is one, too
                return


async def test_deadlines_hold(gateway, client, clock, replicas, batches):
    batch = next(batch for batch in batches if batch.pipeline == "pose-3d")
    expected = (await client.ask(batch)).body
    with ExitStack() as thawing:
        for number in (0, 1):
            replicas.freeze("pose3d", number)
            thawing.callback(replicas.thaw, "pose3d", number)
        asking = asyncio.create_task(client.ask(batch, {BUDGET: "30000"}))
        await until_in_work(client, gateway)
        clock.set_to(DAY_S)  # past every deadline
        await asyncio.sleep(0.2)
        refused = await client.ask(batch)
        assert refused.status == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert not asking.done()
    answer = await asking
    assert answer.status == 200
    assert difference(answer.body, expected) < 0.05
    with ExitStack() as thawing:
        for number in (0, 1):
            replicas.freeze("pose3d", number)
            thawing.callback(replicas.thaw, "pose3d", number)
        asking = asyncio.create_task(client.ask(batch, {BUDGET: "1000"}))
        await asyncio.sleep(0.3)
        clock.set_to(-DAY_S)  # long before every deadline
        answer = await asyncio.wait_for(asking, 20)
    assert answer.status == 504


async def test_kept_connections_stay(gateway, clock):
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=10)
    ports = set()
    for jump_s in (0, DAY_S, -DAY_S):
        clock.set_to(jump_s)
        connection.request("GET", "/v2/models/pose-3d")
        ports.add(connection.sock.getsockname()[1])
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.load(answer)["name"] == "pose-3d"
        await asyncio.sleep(0.2)
    assert len(ports) == 1
    connection.close()
