"""SIGTERM of every replica of every service in turn, under load: drained, stopped, started."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.faults.replicas import STAGES, named
from tests.support.load import Load
from tests.support.waiting import until

CONCURRENCY = 6


@pytest.mark.parametrize("services", [STAGES, ("gateway",)], ids=["stages", "gateways"])
async def test_a_rollout_fails_no_request(replicas, client, batches, services):
    load = Load(client, itertools.cycle(batches), CONCURRENCY)
    running = asyncio.create_task(load.run())
    for service, number in named(services):
        await load.until(3)
        assert await replicas.drain(service, number) == 0
        await load.until(3)
        replicas.start(service, number)
        await replicas.ready(service, number)
    load.stopping.set()
    answers = await running
    assert [(a.status, a.body.get("error")) for a in answers if a.status != 200] == []
    assert all(f["status"] == "ok" for answer in answers for f in answer.body["frames"])
    moves = sum(answer.moves for answer in answers)
    print(f"{len(answers)} batches, {len(named(services))} rollouts, {moves} moves")
    assert moves == 0 or services == ("gateway",)


async def test_a_rollout_of_postprocess_fails_no_request(replicas, client, batches, clip):
    results = (await client.ask(batches[1])).body
    (replicas.folder / "clip.mp4").write_bytes(clip.read_bytes())
    done = []
    stopping = asyncio.Event()

    async def worker(name: str) -> None:
        while not stopping.is_set():
            url = client.urls[len(done) % 2]
            request = {
                "source": f"file:{replicas.folder}/clip.mp4",
                "results": [results],
                "output": f"file:{replicas.folder}/{name}",
                "overlay": False,
                "overlay_frames": 0,
            }
            async with client.session.post(f"{url}/v1/postprocess", json=request) as response:
                done.append((response.status, await response.text()))

    running = asyncio.gather(*(worker(name) for name in "ab"))
    for service, number in named(["postprocess"]):
        target = len(done) + 2
        await until(lambda target=target: len(done) >= target)
        assert await replicas.drain(service, number) == 0
        replicas.start(service, number)
        await replicas.ready(service, number)
    stopping.set()
    await running
    assert [answer for answer in done if answer[0] != 200] == []
