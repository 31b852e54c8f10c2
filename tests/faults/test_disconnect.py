"""A client that leaves takes its rows with it, out of the queues of every stage."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.replicas import Replicas
from tests.support.load import Client

REQUESTS = 6
FRAMES = 60
ROUNDS = 5
SHARE = 0.25
STAGES = ("detection", "pose3d")
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Rows:
    """Of one stage, over its replicas."""

    waiting: float
    inferred: float  # ever


async def rows_of(session: aiohttp.ClientSession, urls: list[str]) -> Rows:
    """What some replicas have to do, and have done."""

    async def scraped(url: str) -> dict[str, float]:
        async with session.get(f"{url}/metrics") as response:
            families = text_string_to_metric_families(await response.text())
        return {sample.name: sample.value for family in families for sample in family.samples}

    each = await asyncio.gather(*(scraped(url) for url in urls))
    names = ("podium_queue_rows", "podium_batch_rows_sum")
    return Rows(*(sum(samples.get(name, 0.0) for samples in each) for name in names))


async def rows(replicas: Replicas, client: Client) -> list[Rows]:
    """Those of the stages that clients leave behind."""
    return [await rows_of(client.session, replicas.urls(stage)) for stage in STAGES]


async def share_inferred_in_vain(replicas: Replicas, client: Client) -> float:
    """Send long requests and leave when rows wait in both stages.

    Returns:
        Of the rows that were not inferred yet, the share that was all the same; of the worse stage.
    """
    before = await rows(replicas, client)
    asking = [
        asyncio.create_task(
            client.session.post(
                f"{client.urls[number % 2]}/v1/pipelines/pose-3d",
                params={"stride": 1},
                data=client.media,
                headers={"content-type": "video/mp4"},
            )
        )
        for number in range(REQUESTS)
    ]
    async with asyncio.timeout(PATIENCE_S):
        while True:
            left = await rows(replicas, client)
            assert not any(task.done() for task in asking)
            if min(stage.waiting for stage in left) > 0:
                break
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    async with asyncio.timeout(PATIENCE_S):
        last = left
        while True:
            await asyncio.sleep(0.5)
            now = await rows(replicas, client)
            if now == last and max(stage.waiting for stage in now) == 0:
                break
            last = now
    shares = [
        (a.inferred - b.inferred) / (REQUESTS * FRAMES - (b.inferred - first.inferred))
        for first, b, a in zip(before, left, now, strict=True)
    ]
    print(f"{left} -> {now}: {max(shares):.2f} inferred in vain")
    return max(shares)


async def test_the_rows_of_clients_that_leave_are_freed_in_every_stage(replicas, client):
    # News of a client that left travels over two hops, which other work on the machine may hold up.
    for _ in range(ROUNDS):
        share = await share_inferred_in_vain(replicas, client)
        if share < SHARE:
            break
    assert share < SHARE
