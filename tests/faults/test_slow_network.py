"""A slow network, connections that break, and a black hole between the gateway and its stages."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack, ExitStack

import pytest
import pytest_asyncio

from tests.faults.replicas import STAGES
from tests.faults.tcp_proxy import TcpProxy
from tests.support.load import Client, difference
from tests.support.one_service import one_service

SAME = 0.05
BUDGET_MS = 3000
"""Much more than the stages before the black hole take."""


@pytest_asyncio.fixture
async def network(replicas):
    """Stage -> the ways to its replicas."""
    async with AsyncExitStack() as entered:
        yield {
            stage: [
                await entered.enter_async_context(TcpProxy(url)) for url in replicas.urls(stage)
            ]
            for stage in STAGES
        }


@pytest_asyncio.fixture
async def far(network, client):
    """A client of a gateway that has the network between itself and its stages."""
    urls = {
        f"PODIUM_GATEWAY_{stage.upper()}_URL": ",".join(proxy.url for proxy in proxies)
        for stage, proxies in network.items()
    }
    with ExitStack() as entered:
        gateway = await asyncio.to_thread(entered.enter_context, one_service("gateway", urls))
        yield Client(client.session, [gateway.url], client.media)
        await asyncio.to_thread(entered.close)


@pytest_asyncio.fixture
async def wanted(client, batches):
    """What a few batches are answered with where nothing is wrong."""
    return {batch: (await client.ask(batch)).body for batch in batches[:6]}


async def right(client, wanted):
    """Every answer is there and right."""
    for answer in await asyncio.gather(*(client.ask(batch) for batch in wanted)):
        assert answer.status == 200, answer.body
        assert {frame["status"] for frame in answer.body["frames"]} == {"ok"}
        assert difference(answer.body, wanted[answer.batch]) < SAME


def every(network):
    return itertools.chain(*network.values())


async def test_a_slow_network_makes_answers_late_and_nothing_else(network, far, wanted):
    for proxy in every(network):
        proxy.delay_s, proxy.bytes_per_s = 0.002, 8e6
    await right(far, wanted)
    assert all(sum(proxy.connections for proxy in proxies) for proxies in network.values())


async def test_connections_that_break_in_an_answer_are_not_seen(network, far, wanted):
    await right(far, wanted)
    for after in (0, 40, 400):  # before its first byte, in its head, and in its body
        for proxy in every(network):
            proxy.cut_after = [after]  # those that are open have passed more, and break at once
        for _ in range(2):
            await right(far, wanted)
    cuts = {stage: sum(proxy.cuts for proxy in proxies) for stage, proxies in network.items()}
    assert all(cuts.values()), cuts


@pytest.mark.parametrize("stage", ["pose3d", pytest.param("detection", marks=pytest.mark.slow)])
async def test_a_black_hole_costs_no_more_than_the_deadline(network, far, wanted, stage):
    wanted = {batch: body for batch, body in wanted.items() if batch.pipeline == "pose-3d"}
    budget = {"x-envoy-expected-rq-timeout-ms": str(BUDGET_MS)}
    network[stage][0].black_hole = True
    statuses = []
    for _ in range(4):
        for answer in await asyncio.gather(*(far.ask(batch, budget) for batch in wanted)):
            assert answer.seconds < 2 * BUDGET_MS / 1e3
            statuses.append(answer.status)
            if answer.status == 200:
                assert difference(answer.body, wanted[answer.batch]) < SAME
            else:
                assert answer.status == 504
                assert answer.body["error"].partition(":")[0] in {"gateway", *STAGES}
    assert 200 in statuses[-len(wanted) :]  # the other way has been found
    network[stage][0].black_hole = False
    await right(far, wanted)


async def test_no_way_at_all_to_a_stage_is_told_by_its_name(network, far, wanted):
    for proxy in network["pose3d"]:
        proxy.black_hole = True
    batch = next(batch for batch in wanted if batch.pipeline == "pose-3d")
    answer = await far.ask(batch, {"x-envoy-expected-rq-timeout-ms": str(BUDGET_MS)})
    assert answer.status == 504
    assert answer.body["error"].startswith("pose3d: ")
    for proxy in network["pose3d"]:
        proxy.black_hole = False
    await right(far, wanted)
