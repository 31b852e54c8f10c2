"""``kill -9`` of stage replicas and of gateways while frame batches run."""

from __future__ import annotations

import asyncio
import itertools
import os

import pytest

from tests.faults.replicas import STAGES, Replicas, named
from tests.support.load import BATCH_FRAMES, Batch, Client, Load, difference

BATCHES = 60
MANY_BATCHES = int(os.environ.get("PODIUM_FAULT_BATCHES", "2000"))
CONCURRENCY = 6

SAME = 0.05
"""Largest difference of a coordinate: engine calls of different sizes round differently."""


async def undisturbed(client: Client, batches: list[Batch]) -> dict[Batch, dict]:
    answers = [await client.ask(batch) for batch in batches]
    assert {answer.status for answer in answers} == {200}
    expected = {answer.batch: answer.body for answer in answers}
    for a, b in itertools.pairwise(batches[::2]):  # else a mix-up would not show
        assert difference(expected[a], expected[b]) > 10 * SAME
    return expected


async def kill_and_restart(replicas: Replicas, load: Load, service: str, number: int) -> None:
    await load.until(3)
    await replicas.kill(service, number)
    await load.until(10)
    replicas.start(service, number)
    await replicas.ready(service, number)


async def run_under_kills(
    replicas: Replicas, client: Client, batches: list[Batch], services: tuple[str, ...], count: int
) -> tuple[Load, int]:
    expected = await undisturbed(client, batches)
    load = Load(client, itertools.cycle(batches), CONCURRENCY)
    running = asyncio.create_task(load.run())
    kills = 0
    for service, number in itertools.cycle(named(services)):
        await kill_and_restart(replicas, load, service, number)
        kills += 1
        if kills >= len(services) and len(load.answers) >= count:
            break
    load.stopping.set()
    answers = await running
    failures = [(a.status, a.body.get("error")) for a in answers if a.status != 200]
    assert failures == []
    worst = 0.0
    for answer in answers:
        start = answer.batch.start
        indices = [frame["index"] for frame in answer.body["frames"]]
        assert indices == list(range(start, start + BATCH_FRAMES))
        assert {frame["status"] for frame in answer.body["frames"]} == {"ok"}
        worst = max(worst, difference(answer.body, expected[answer.batch]))
    assert worst < SAME
    print(f"{len(answers)} batches, {kills} kills, largest difference {worst:.2g}")
    return load, kills


async def stages_die(replicas: Replicas, client: Client, batches: list[Batch], count: int) -> None:
    load, kills = await run_under_kills(replicas, client, batches, STAGES, count)
    assert kills >= len(STAGES)
    assert sum(answer.moves for answer in load.answers) == 0


async def test_a_killed_stage_replica_is_not_seen(replicas, client, batches):
    await stages_die(replicas, client, batches, BATCHES)


@pytest.mark.slow
async def test_killed_stage_replicas_are_not_seen_in_many_batches(replicas, client, batches):
    await stages_die(replicas, client, batches, MANY_BATCHES)


async def test_a_killed_gateway_costs_a_try_at_the_other(replicas, client, batches):
    load, _ = await run_under_kills(replicas, client, batches, ("gateway",), 0)
    assert sum(answer.moves for answer in load.answers) > 0
