"""Ten times more than the services can do: what is accepted is answered as fast as at full load.

Other work on the machine, that of the test's own client too, must not decide the outcome: rates are
per second of processor time that the services had or could have had (idle time), and latencies are
in such seconds. Machines also change their speed: full load and overload take turns. All requests
are of one pipeline: which kinds are refused is chance, and they differ in their cost.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import numpy as np
import psutil
import pytest

from tests.faults.conftest import GATEWAY_REQUESTS
from tests.faults.replicas import Replicas
from tests.support.load import PIPELINES, Answer, Batch, Client, Load, percentile_s

FACTOR = 10
SECONDS = 4.0
GOODPUT = 0.9
ROUNDS, MOST_ROUNDS = 3, 9
"""The ratio of three rounds is known to 6 %: what is below the limit is measured for longer."""
LONG_SECONDS = float(os.environ.get("PODIUM_OVERLOAD_S", "20"))


@dataclass
class Phase:
    """Some seconds of load."""

    services: list[psutil.Process]
    answers: list[Answer] = field(default_factory=list)
    wall_s: float = 0.0
    available_s: float = 0.0  # processor time that the services had or could have had
    rss_mb: list[float] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Time the block."""
        started, cpu_s = time.monotonic(), self._cpu_s()
        yield
        self.wall_s = time.monotonic() - started
        self.available_s = self._cpu_s() - cpu_s

    @asynccontextmanager
    async def remembered(self) -> AsyncIterator[None]:
        """Watch the memory of the services during the block, four times a second."""

        async def watch() -> None:
            while True:
                self.rss_mb.append(sum(p.memory_info().rss for p in self.services) / 1e6)
                await asyncio.sleep(0.25)

        watching = asyncio.create_task(watch())
        yield
        watching.cancel()

    def _cpu_s(self) -> float:
        workers = [w for service in self.services for w in service.children(recursive=True)]
        times = [process.cpu_times() for process in self.services + workers]
        ended_s = sum(t.children_user + t.children_system for t in times)
        return sum(t.user + t.system for t in times) + ended_s + psutil.cpu_times().idle

    @property
    def accepted(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status == 200]

    @property
    def refused(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status != 200]

    @property
    def rate(self) -> float:
        """Accepted requests per second of processor time."""
        return len(self.accepted) / self.available_s

    @property
    def p99_s(self) -> float:
        """Of accepted requests, in seconds of processor time."""
        return percentile_s(self.accepted, 99) * self.available_s / self.wall_s

    @property
    def growth(self) -> float:
        """Memory at the end over that when pools and caches had filled."""
        quarter = len(self.rss_mb) // 4
        return float(np.median(self.rss_mb[-quarter:]) / np.median(self.rss_mb[quarter:-quarter]))

    def __add__(self, other: Phase) -> Phase:
        """Both, as if one had followed the other at once."""
        return Phase(
            self.services,
            self.answers + other.answers,
            self.wall_s + other.wall_s,
            self.available_s + other.available_s,
            self.rss_mb + other.rss_mb,
        )

    def __str__(self) -> str:
        return (
            f"{len(self.answers) / self.wall_s:.1f}/s offered, "
            f"{len(self.accepted) / self.wall_s:.1f}/s answered ({self.rate:.2f} per CPU-s), "
            f"p99 {percentile_s(self.accepted, 99):.2f} s ({self.p99_s:.2f} CPU-s), "
            f"{dict(Counter(answer.status for answer in self.answers))}"
        )


def phase(replicas: Replicas) -> Phase:
    return Phase([psutil.Process(pid) for pid in replicas.pids().values()])


def at_random(batches: Sequence[Batch], seed: int) -> Iterator[Batch]:
    """Batches without end, in an order that favours no decoder.

    Those that have just read the frames before those of a batch have less to do.
    """
    random = np.random.default_rng(seed)
    while True:
        yield batches[random.integers(len(batches))]


async def full_load(
    replicas: Replicas, client: Client, batches: Sequence[Batch], seconds: float
) -> Phase:
    """As many requests at once as the gateways take on, and no more."""
    full = phase(replicas)
    loads = [
        Load(
            Client(client.session, [url], client.media), at_random(batches, seed), GATEWAY_REQUESTS
        )
        for seed, url in enumerate(client.urls)
    ]
    with full.measured():
        running = [asyncio.create_task(load.run()) for load in loads]
        await asyncio.sleep(seconds)
        for load in loads:
            load.stopping.set()
        full.answers = [answer for task in running for answer in await task]
    assert full.refused == []
    return full


async def overload(
    replicas: Replicas, client: Client, batches: Sequence[Batch], seconds: float, per_s: float
) -> Phase:
    """Requests at a fixed rate, whatever comes back."""
    over = phase(replicas)
    order = itertools.islice(at_random(batches, 0), int(per_s * seconds))
    asking = []
    async with over.remembered():
        with over.measured():
            started = time.monotonic()
            for number, batch in enumerate(order):
                await asyncio.sleep(max(0.0, started + number / per_s - time.monotonic()))
                asking.append(asyncio.create_task(client.ask(batch)))
            over.answers = await asyncio.gather(*asking)
    return over


async def ten_times_too_much(
    replicas: Replicas, client: Client, batches: Sequence[Batch], seconds: float
) -> None:
    batches = [batch for batch in batches if batch.pipeline == PIPELINES[-1]]
    await full_load(replicas, client, batches, 2)  # warm
    full, over = phase(replicas), phase(replicas)
    for count in range(1, MOST_ROUNDS + 1):
        full += await full_load(replicas, client, batches, seconds)
        per_s = FACTOR * len(full.answers) / full.wall_s
        over += await overload(replicas, client, batches, seconds, per_s)
        if count >= ROUNDS and over.rate >= GOODPUT * full.rate:
            break  # all rounds together show it
    print(f"full load: {full}\noverload:  {over}")
    print(
        f"goodput {over.rate / full.rate:.2f} x, p99 {over.p99_s / full.p99_s:.2f} x, "
        f"memory {over.rss_mb[0]:.0f} -> {over.rss_mb[-1]:.0f} MB ({over.growth:.3f} x), "
        f"refusals: p99 {percentile_s(over.refused, 99) * 1e3:.0f} ms"
    )
    assert {answer.status for answer in over.refused} == {429}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in over.refused)
    assert over.rate >= GOODPUT * full.rate
    assert over.p99_s <= 2 * full.p99_s
    assert over.growth < 1.05


async def test_overload_costs_no_goodput(replicas, client, batches):
    await ten_times_too_much(replicas, client, batches, SECONDS)


@pytest.mark.slow
async def test_a_minute_of_overload_costs_no_goodput(replicas, client, batches):
    await ten_times_too_much(replicas, client, batches, LONG_SECONDS)
