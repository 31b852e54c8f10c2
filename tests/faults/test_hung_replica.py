"""A replica that accepts connections and answers nothing (SIGSTOP)."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.replicas import STAGES
from tests.support.load import difference

BUDGET_MS = 2000


@pytest.mark.parametrize("stage", ["decode", "pose3d"])
async def test_a_hung_replica_costs_no_more_than_the_deadline(replicas, client, batches, stage):
    wanted = [batch for batch in batches if batch.pipeline == "pose-3d"][:4]
    expected = {batch: (await client.ask(batch)).body for batch in wanted}
    budget = {"x-envoy-expected-rq-timeout-ms": str(BUDGET_MS)}
    replicas.freeze(stage, 0)
    try:
        rounds = [await asyncio.gather(*(client.ask(b, budget) for b in wanted)) for _ in range(4)]
    finally:
        replicas.thaw(stage, 0)
    statuses = [[answer.status for answer in answers] for answers in rounds]
    print(stage, statuses)
    blamed = set()
    for answer in (answer for answers in rounds for answer in answers):
        assert answer.seconds < 2 * BUDGET_MS / 1e3
        if answer.status == 200:
            assert difference(answer.body, expected[answer.batch]) < 0.05
        else:
            assert answer.status == 504
            blamed.add(answer.body["error"].partition(":")[0])
    assert not blamed or stage in blamed  # on a busy machine others may be slow, too
    assert blamed <= {"gateway", *STAGES}
    assert 200 in statuses[-1]  # the other replica has answered some
    await asyncio.sleep(0.5)
    after = await asyncio.gather(*(client.ask(batch) for batch in wanted * 2))
    assert {answer.status for answer in after} == {200}
