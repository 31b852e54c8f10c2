"""Whether the generator's latencies are those that the gateways measured themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtest.run import Run
from loadtest.scrape import BUCKET

DURATION = "podium_request_duration_seconds"
COUNTS_AGREE = 0.01
"""Above this difference in numbers the two have not seen the same calls."""


@dataclass(frozen=True)
class Agreement:
    """Generator and gateways on the same calls of one pipeline, over a whole run."""

    pipeline: str
    calls: int
    requests: int  # that the gateways counted
    generator_ms: float  # means
    gateway_ms: float
    largest_gap: float  # between the shares of calls below each bound of the histogram

    @property
    def difference(self) -> float:
        """Of the means, as a share of the gateways'."""
        return abs(self.generator_ms / self.gateway_ms - 1)

    @property
    def comparable(self) -> bool:
        """Not so where other callers were there, or gateways refused calls and heard them again."""
        return abs(self.requests / self.calls - 1) <= COUNTS_AGREE


def agreements(run: Run) -> list[Agreement]:
    """One per pipeline, sums and counts over all gateways: exact, unlike percentiles of buckets."""
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
    """From the look before the first call to the one after the last."""
    return run.timeline.increase(name, 0.0, run.end_s + 3600.0, "gateway", **labels)
