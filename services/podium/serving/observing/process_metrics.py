"""The metrics of the process, with the CPU time of the processes that it has started."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, Metric

_CPU = "process_cpu_seconds"


class ProcessMetrics(ProcessCollector):
    """As ``ProcessCollector``, but CPU time includes that of all descendants.

    Such as the processes that media are decoded in. Memory is that of this process alone.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._most_s = 0.0
        super().__init__(registry=registry)

    def collect(self) -> Iterable[Metric]:
        """The metrics, now."""
        for metric in super().collect():
            if metric.name == _CPU:
                # Never less than before: one that ends between the readings is missed once.
                self._most_s = max(self._most_s, tree_cpu_s(os.getpid()))
                text = "CPU time of the process and of those that it has started, in seconds."
                yield CounterMetricFamily(_CPU, text, value=self._most_s)
            else:
                yield metric


def tree_cpu_s(pid: int) -> float:
    """CPU time of a process and its descendants, those that have ended included; Linux alone."""
    ticks, processes = 0, [pid]
    for process in processes:  # it grows meanwhile
        folder = Path("/proc") / str(process)
        with suppress(OSError):
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # own, and of children that were waited for
            for thread in (folder / "task").iterdir():
                processes += map(int, (thread / "children").read_bytes().split())
    return ticks / os.sysconf("SC_CLK_TCK")
