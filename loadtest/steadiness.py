"""Checks that a long run is steady: memory of the services, and tail of the latencies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from loadtest.run import Run, percentiles_ms

RSS = "process_resident_memory_bytes"
LEAST_CALLS = 100
"""Least number of calls for a 99th percentile."""


@dataclass(frozen=True)
class Memory:
    """Resident memory of all replicas of a service."""

    service: str
    first_mb: float
    last_mb: float
    most_mb: float
    slope_mb_per_min: float  # of the least-squares line


def memory(run: Run, begin_s: float, end_s: float) -> list[Memory]:
    """The memory of each service with metrics."""
    found = []
    for service in run.timeline.services():
        table = run.timeline.gauge(RSS, service)
        table = table[(table[:, 0] >= begin_s) & (table[:, 0] <= end_s)]
        if len(table) < 3:
            continue
        minutes, mb = (table[:, 0] - begin_s) / 60, table[:, 1] / 1e6
        slope = float(np.polyfit(minutes, mb, 1)[0])
        found.append(Memory(service, float(mb[0]), float(mb[-1]), float(mb.max()), slope))
    return found


def p99_by_third(run: Run, begin_s: float, end_s: float) -> list[float | None]:
    """p99 of the latencies in each third of an interval; None: too few calls."""
    found: list[float | None] = []
    for first_s, last_s in pairwise(np.linspace(begin_s, end_s, 4).tolist()):
        latencies_ms = [call.latency_ms for call in run.within(first_s, last_s)]
        enough = len(latencies_ms) >= LEAST_CALLS
        found.append(percentiles_ms(latencies_ms)[2] if enough else None)
    return found
