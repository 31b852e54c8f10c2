"""CPU use of the generator: if it is high, the figures are not those of the services."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import gevent
import numpy as np
import psutil

INTERVAL_S = 1.0

Sample = tuple[float, float, float, float]
"""Unix time; CPU seconds of the process; busy CPU seconds of its machine; its processors."""


@dataclass
class GeneratorLoad:
    """CPU time of the processes that make the load, over time."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)  # by process

    def add(self, process: str, samples: list[Sample]) -> None:
        """Add the samples of one process."""
        self.samples.setdefault(process, []).extend(samples)

    def cores(self, begin_s: float, end_s: float) -> float:
        """Number of processors that all processes of the generator kept busy."""
        return sum(_rate(samples, 1, begin_s, end_s) for samples in self.samples.values())

    def share(self, begin_s: float, end_s: float) -> float:
        """Share of its machines' processors that the generator kept busy."""
        return self.cores(begin_s, end_s) / max(1.0, self._processors())

    def machine_share(self, begin_s: float, end_s: float) -> float:
        """Share of these machines' processors that all processes kept busy."""
        first = self._one_per_machine()
        busy = sum(_rate(samples, 2, begin_s, end_s) for samples in first)
        return busy / max(1.0, self._processors())

    def _processors(self) -> float:
        return sum(samples[-1][3] for samples in self._one_per_machine())

    def _one_per_machine(self) -> list[list[Sample]]:
        machines = {name.partition("/")[0]: name for name in self.samples}
        return [self.samples[name] for name in machines.values() if self.samples[name]]


class SelfSampler:
    """Samples this process in the background."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._samples: list[Sample] = []
        self._greenlet: gevent.Greenlet | None = None
        self.name = f"{os.uname().nodename}/{self._process.pid}"

    def start(self) -> None:
        """Start sampling."""
        self._sample()
        self._greenlet = self._greenlet or gevent.spawn(self._run)

    def take(self) -> list[Sample]:
        """Return the samples since the last call."""
        self._sample()
        taken, self._samples = self._samples, []
        return taken

    def _sample(self) -> None:
        own, machine = self._process.cpu_times(), psutil.cpu_times()
        busy = sum(machine[:8]) - machine.idle - getattr(machine, "iowait", 0.0)
        processors = float(os.cpu_count() or 1)
        self._samples.append((time.time(), own.user + own.system, busy, processors))

    def _run(self) -> None:
        while True:
            gevent.sleep(INTERVAL_S)
            self._sample()


def _rate(samples: list[Sample], column: int, begin_s: float, end_s: float) -> float:
    table = np.array(samples)
    at = np.interp([begin_s, end_s], table[:, 0], table[:, column])
    return float((at[1] - at[0]) / (end_s - begin_s)) if end_s > begin_s else 0.0
