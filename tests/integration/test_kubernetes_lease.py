"""One of several processes at a time, whatever happens to the others or to the API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from podium.kubernetes.api import KubernetesApi
from podium.kubernetes.lease import Lease
from tests.support.api_server import LEASES, ApiServer
from tests.support.waiting import until


@pytest.fixture
async def server(monkeypatch, tmp_path) -> AsyncIterator[ApiServer]:
    server = ApiServer()
    async with server.run():
        monkeypatch.setenv("KUBECONFIG", server.kubeconfig(tmp_path))
        yield server


async def test_one_holds_it_and_gives_it_back(server):
    async with KubernetesApi() as api:
        first, second = (Lease(api, "podium", duration_s=1) for _ in range(2))
        holding, waiting = (asyncio.create_task(lease.run()) for lease in (first, second))
        await until(lambda: first.held or second.held)
        if second.held:
            first, second, holding, waiting = second, first, waiting, holding
        spec = server.get(LEASES, "podium")["spec"]
        assert spec["holderIdentity"] == first.identity
        assert spec["leaseTransitions"] == 0
        for _ in range(15):  # over the duration of the lease
            await asyncio.sleep(0.1)
            assert not second.held
            assert server.get(LEASES, "podium")["spec"]["holderIdentity"] == first.identity
        assert server.get(LEASES, "podium")["spec"]["acquireTime"] == spec["acquireTime"]
        assert server.get(LEASES, "podium")["spec"]["renewTime"] > spec["renewTime"]

        await until(lambda: first.held)
        holding.cancel()
        await asyncio.wait([holding])
        assert server.get(LEASES, "podium")["spec"]["holderIdentity"] == ""
        await until(lambda: second.held)
        assert server.get(LEASES, "podium")["spec"]["leaseTransitions"] == 1
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_the_lease_of_a_process_that_was_killed_is_taken_over(server):
    spec = {"holderIdentity": "killed", "leaseDurationSeconds": 1, "leaseTransitions": 4}
    server.put(LEASES, "podium", spec=spec)
    async with KubernetesApi() as api:
        lease = Lease(api, "podium", duration_s=1)
        task = asyncio.create_task(lease.run())
        await until(lambda: server.count("get") == 1)
        await asyncio.sleep(0.1)
        assert not lease.held  # it may have been renewed just now
        await until(lambda: lease.held)
        assert server.get(LEASES, "podium")["spec"]["leaseTransitions"] == 5
        task.cancel()
        await asyncio.wait([task])


async def test_of_two_that_write_at_once_one_succeeds(server):
    server.put(LEASES, "podium", spec={"holderIdentity": ""})
    async with KubernetesApi() as api:
        leases = [Lease(api, "podium") for _ in range(8)]
        tasks = [asyncio.create_task(lease.run()) for lease in leases]
        await until(lambda: len(server.written) == 8)
        await until(lambda: sum(lease.held for lease in leases) == 1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_without_the_api_server_nobody_claims_it_for_long(server):
    async with KubernetesApi() as api:
        lease = Lease(api, "podium", duration_s=1)
        task = asyncio.create_task(lease.run())
        await until(lambda: lease.held)
        server.refuse = {"get": 500, "put": 500}
        await until(lambda: not lease.held)
        server.refuse = {}
        await until(lambda: lease.held)
        task.cancel()
        await asyncio.wait([task])
