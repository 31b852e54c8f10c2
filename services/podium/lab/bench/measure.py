"""Runs requests at a concurrency and measures their costs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from podium.lab.bench.compositions import Composition
from podium.lab.bench.workloads import Workload


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination to measure; it is measured in every round."""

    models: str
    composition: str
    workload: str
    concurrency: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """One round of one cell."""

    frames_per_s: float
    p50_ms: float  # per request
    p99_ms: float
    cpu_ms_per_frame: float  # of the whole process tree, including the client
    cpu_ms_by_process: dict[str, float]  # the same, by process
    phase_ms_per_frame: dict[str, float]  # "stage phase" -> wall time; shared batches count once
    received_mb_per_frame: float  # by all services together
    rss_mb: float  # of all services together, at the end of the round
    rss_mb_by_process: dict[str, float]


async def measure(
    composition: Composition, workload: Workload, concurrency: int, seconds: float
) -> Measurement:
    """Keep ``concurrency`` requests in flight for about ``seconds``."""
    latencies_ms: list[float] = []
    before = await composition.counters()
    cpu_before = composition.cpu_s()
    started = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - started < seconds:
            sent = time.perf_counter()
            await composition.ask(workload)
            latencies_ms.append((time.perf_counter() - sent) * 1e3)

    await asyncio.gather(*(client() for _ in range(concurrency)))
    wall_s = time.perf_counter() - started
    cpu_after = composition.cpu_s()
    after = await composition.counters()
    rss_mb = composition.rss_mb()
    frames = len(latencies_ms) * workload.frames
    cpu_ms = {name: (cpu_after[name] - cpu_before[name]) * 1e3 / frames for name in cpu_after}
    return Measurement(
        frames_per_s=frames / wall_s,
        p50_ms=float(np.percentile(latencies_ms, 50)),
        p99_ms=float(np.percentile(latencies_ms, 99)),
        cpu_ms_per_frame=sum(cpu_ms.values()),
        cpu_ms_by_process=cpu_ms,
        phase_ms_per_frame={
            name: (seconds - before.phase_s.get(name, 0.0)) * 1e3 / frames
            for name, seconds in sorted(after.phase_s.items())
        },
        received_mb_per_frame=(after.received_bytes - before.received_bytes) / 1e6 / frames,
        rss_mb=sum(rss_mb.values()),
        rss_mb_by_process=rss_mb,
    )


def median(rounds: list[Measurement]) -> Measurement:
    """The median of each figure over the rounds."""
    return Measurement(**_medians([asdict(m) for m in rounds]))


def _medians(rows: list[dict[str, Any]]) -> dict[str, Any]:
    keys = dict.fromkeys(key for row in rows for key in row)  # a phase may begin in a later round
    return {
        key: _medians([row[key] for row in rows])
        if isinstance(rows[0].get(key), dict)
        else float(np.median([row.get(key, 0.0) for row in rows]))
        for key in keys
    }
