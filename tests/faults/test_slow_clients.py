"""Clients that send a byte per second or never read cost no other client anything.

With ``PODIUM_FAULTS_GATEWAY`` (and ``PODIUM_SLOW_CLIENT_S``, as it is set there) these run against
a gateway that is running already, such as one in a cluster.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.replicas import STAGES
from tests.support.load import BATCH_FRAMES, Client, Load, client_of, percentile_s
from tests.support.one_service import one_service
from tests.support.slow_clients import Dribblers, NeverReader, head
from tests.support.waiting import until

SLOW_CLIENTS = 200
NEVER_READERS = 6
TIMES, FRAMES = 4, 60  # of the clip
BATCHES = 12
ROUNDS = 3
LEAST_RATE, MOST_LATENCY = 0.85, 1.15  # of those without slow clients
WORKERS = 2
MAX_REQUESTS = NEVER_READERS + WORKERS
RUNNING = os.environ.get("PODIUM_FAULTS_GATEWAY")
SLOW_CLIENT_S = float(os.environ.get("PODIUM_SLOW_CLIENT_S", "20" if RUNNING else "1.5"))
POSE = "/v1/pipelines/pose-2d"


@dataclass(frozen=True)
class Gateway:
    url: str
    client: Client

    async def metric(self, name: str) -> float:
        """Sum of the samples of a metric."""
        async with self.client.session.get(f"{self.url}/metrics") as response:
            families = text_string_to_metric_families(await response.text())
        return sum(
            sample.value for family in families for sample in family.samples if sample.name == name
        )

    async def idle(self) -> None:
        """Wait until nothing is left of the clients; the scrape is a request, too."""
        for pause_s in np.geomspace(0.01, SLOW_CLIENT_S, 10):
            if await self.metric("podium_in_flight_requests") <= 1:
                return
            await asyncio.sleep(pause_s)
        pytest.fail("requests of clients that have gone are still in work")


@pytest.fixture
def gateway_url(request):
    """One that loses its patience soon, with chunks of a few frames; or the one that runs."""
    if RUNNING:
        yield RUNNING
        return
    replicas = request.getfixturevalue("replicas")
    settings = {
        f"PODIUM_GATEWAY_{stage.upper()}_URL": ",".join(replicas.urls(stage)) for stage in STAGES
    }
    settings |= {
        "PODIUM_SLOW_CLIENT_S": str(SLOW_CLIENT_S),
        "PODIUM_GATEWAY_CHUNK_FRAMES": "4",
        "PODIUM_MAX_REQUESTS": str(MAX_REQUESTS),
    }
    with one_service("gateway", settings) as process:
        yield process.url


@pytest_asyncio.fixture
async def gateway(gateway_url, media):
    """The same, with a client."""
    async with client_of([gateway_url], media) as client:
        yield Gateway(gateway_url, client)


async def served(gateway, batches, count=BATCHES):
    """Answers of the others, and batches per second."""
    load = Load(gateway.client, itertools.cycle(batches), WORKERS)
    began = time.monotonic()
    running = asyncio.create_task(load.run())
    await load.until(count)
    load.stopping.set()
    answers = await running
    assert [(a.status, a.body) for a in answers if a.status != 200] == []
    return answers, len(answers) / (time.monotonic() - began)


async def test_clients_that_send_a_byte_per_second_cost_others_nothing(gateway, batches):
    half = SLOW_CLIENTS // 2
    in_head = [(b"GET /v2 HTTP/1.1\r\nx-slow: ", b"a" * 600)] * half
    in_body = [(head("POST", POSE, content_length=600), b"a" * 600)] * half
    slow = Dribblers(gateway.url, in_head + in_body)
    await served(gateway, batches)  # warm
    rates, latencies = [], []
    for _ in range(ROUNDS):  # other work on the machine may hold up any of them
        alone, alone_rate = await served(gateway, batches)
        async with slow.at_work():
            beside, beside_rate = await served(gateway, batches)
        rates.append(beside_rate / alone_rate)
        latencies.append(percentile_s(beside, 50) / percentile_s(alone, 50))
        if max(rates) > LEAST_RATE and min(latencies) < MOST_LATENCY:
            break
    async with slow.at_work():
        await until(lambda: len(slow.hangups) >= SLOW_CLIENTS, 10 * SLOW_CLIENT_S)
    print(
        f"beside {SLOW_CLIENTS} slow clients: {np.median(rates):.2f} x the rate, "
        f"{np.median(latencies):.2f} x the median latency; "
        f"{len(slow.hangups)} hung up on after {max(h.seconds for h in slow.hangups):.1f} s at most"
    )
    assert {hangup.status for hangup in slow.hangups} == {408}
    assert max(rates) > LEAST_RATE
    assert min(latencies) < MOST_LATENCY
    await gateway.idle()


def repeated(clip: Path, times: int) -> bytes:
    """The clip several times on end, as it is coded."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as long:
        stream = None
        for turn in range(times):
            with av.open(str(clip)) as short:
                video = short.streams.video[0]
                stream = stream or long.add_stream_from_template(video)
                for packet in short.demux(video):
                    if packet.dts is not None:
                        packet.pts += turn * video.duration
                        packet.dts += turn * video.duration
                        packet.stream = stream
                        long.mux(packet)
    return file.getvalue()


async def test_clients_that_never_read_cost_others_nothing(gateway, batches, clip):
    """Their pipelines pause after some frames, and their connections are closed after a while."""
    media = repeated(clip, TIMES)
    request = head(
        "POST",
        "/v1/pipelines/pose-3d?stride=8",
        accept="application/x-ndjson",
        content_length=len(media),
    )
    await served(gateway, batches)
    memory = await gateway.metric("process_resident_memory_bytes")
    before = await gateway.metric("podium_frames_total")
    readers = [NeverReader(gateway.url, request + media) for _ in range(NEVER_READERS)]
    try:
        await served(gateway, batches)
        await until(lambda: all(reader.hung_up_on for reader in readers))
    finally:
        for reader in readers:
            reader.close()
    answers, _ = await served(gateway, batches)
    grown = await gateway.metric("process_resident_memory_bytes") - memory
    frames = await gateway.metric("podium_frames_total") - before
    frames -= 2 * BATCH_FRAMES * len(answers)
    share = frames / (NEVER_READERS * TIMES * FRAMES)
    print(f"{share:.0%} of the frames of who does not read; {grown / 1e6:.1f} MB more")
    assert share < 0.7
    if not RUNNING:  # its larger chunks in work would hide what is held for clients
        assert grown < NEVER_READERS * len(media) + 64e6
    await gateway.idle()
