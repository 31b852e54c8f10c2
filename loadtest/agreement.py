"""Compares the generator's latencies with those that the gateways measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtest.run import Run
from loadtest.scrape import BUCKET

DURATION = "podium_request_duration_seconds"
COUNTS_AGREE = 0.01
"""With a larger difference of the counts, the two have not seen the same calls."""


@dataclass(frozen=True)
class Agreement:
    """Latencies of one pipeline over a whole run, by the generator and by the gateways."""

    pipeline: str
    calls: int
    requests: int  # counted by the gateways
    generator_ms: float  # mean
    gateway_ms: float  # mean
    largest_gap: float  # between the shares of calls below each bound of the histogram

    @property
    def difference(self) -> float:
        """Difference of the means, relative to the gateways' mean."""
        return abs(self.generator_ms / self.gateway_ms - 1)

    @property
    def comparable(self) -> bool:
        """False if there were other callers, or gateways refused calls that were then repeated."""
        return abs(self.requests / self.calls - 1) <= COUNTS_AGREE


def agreements(run: Run) -> list[Agreement]:
    """One per pipeline, from sums and counts over all gateways, which are exact."""
    found = []
    for pipeline in sorted({call.pipeline for call in run.calls}):
        own_ms = [call.answer_ms for call in run.calls if call.pipeline == pipeline]
        count = _increase(run, f"{DURATION}_count", model=pipeline)
        if count == 0:
            continue
        total_s = _increase(run, f"{DURATION}_sum", model=pipeline)
        found.append(
            Agreement(
                pipeline=pipeline,
                calls=len(own_ms),
                requests=round(count),
                generator_ms=float(np.mean(own_ms)),
                gateway_ms=total_s / count * 1e3,
                largest_gap=_largest_gap(run, pipeline, own_ms, count),
            )
        )
    return found


def _largest_gap(run: Run, pipeline: str, own_ms: list[float], count: float) -> float:
    gaps = [0.0]
    for bound in run.timeline.labels(BUCKET, "le"):
        theirs = _increase(run, BUCKET, model=pipeline, le=bound) / count
        ours = np.mean(np.array(own_ms) <= float(bound) * 1e3)
        gaps.append(abs(float(ours) - theirs))
    return max(gaps)


def _increase(run: Run, name: str, **labels: str) -> float:
    """Increase of a counter from before the first call to after the last."""
    return run.timeline.increase(name, 0.0, run.end_s + 3600.0, "gateway", **labels)
