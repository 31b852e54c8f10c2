"""Times and numbers of calls by stage, and the bottleneck.

By Little's law the mean number of calls in a stage is the total time of all calls there, divided by
the elapsed time (Little, Operations Research 9, 1961). With growing load on a closed network of
queues, the calls gather at the slowest stage (Denning and Buzen, Computing Surveys 10, 1978): so
the bottleneck is the stage with most calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.scrape import Timeline

STAGES = ("decode", "detection", "pose2d", "pose3d")
CALLS = {"decode": ("decode", "crop")}
"""Stage -> names of the gateway's calls, if they differ from the stage's name."""

DURATION = "podium_stage_duration_seconds"
CPU = "process_cpu_seconds_total"
BUSY_LOOP = 0.95
"""A gateway has one event loop: above this share of a processor it is the bottleneck."""


@dataclass(frozen=True)
class Stage:
    """Means over the calls of one stage in an interval.

    Values from the stage itself are None if its metrics are unreachable.
    """

    name: str
    calls_per_s: float
    calls_inside: float  # at the same time
    call_ms: float  # measured by the gateway
    transfer_ms: float  # the part of it outside the stage
    queue_ms: float | None  # per call, waiting for an engine or a thread
    infer_ms: float | None  # per engine call, or per turn of a thread
    rows_waiting: float | None
    cpu_cores: float | None


@dataclass(frozen=True)
class Bottleneck:
    """The stage that limits the others, and why."""

    stage: str
    why: str


def stages_between(timeline: Timeline, begin_s: float, end_s: float) -> list[Stage]:
    """The stages that were called in an interval."""
    if end_s <= begin_s:
        return []
    found = [_stage(timeline, name, begin_s, end_s) for name in STAGES]
    return [stage for stage in found if stage.calls_per_s > 0]


def cpu_cores(timeline: Timeline, begin_s: float, end_s: float) -> dict[str, float]:
    """Number of processors that all replicas of each service kept busy."""
    seconds = end_s - begin_s
    return {
        service: timeline.increase(CPU, begin_s, end_s, service) / seconds
        for service in timeline.services()
    }


def bottleneck(timeline: Timeline, begin_s: float, end_s: float) -> Bottleneck | None:
    """The stage that limits the others; None: no stage has figures."""
    stages = stages_between(timeline, begin_s, end_s)
    inside = sum(stage.calls_inside for stage in stages)
    if inside == 0:
        return None
    gateways = max(1.0, timeline.mean_replicas("gateway", begin_s, end_s))
    per_gateway = cpu_cores(timeline, begin_s, end_s).get("gateway", 0.0) / gateways
    if per_gateway > BUSY_LOOP:
        return Bottleneck("gateway", f"its event loop is busy: {per_gateway:.2f} processors")
    worst = max(stages, key=lambda stage: stage.calls_inside)
    return Bottleneck(
        worst.name,
        f"of {inside:.1f} calls in the stages at any time, {worst.calls_inside:.1f} are there; "
        f"a call takes {worst.call_ms:.0f} ms",
    )


def _stage(timeline: Timeline, name: str, begin_s: float, end_s: float) -> Stage:
    calls = CALLS.get(name, (name,))
    seconds = end_s - begin_s

    def increase(suffix: str, service: str, phases: Iterable[str]) -> float:
        return sum(
            timeline.increase(DURATION + suffix, begin_s, end_s, service, stage=call, phase=phase)
            for call in calls
            for phase in phases
        )

    def mean_ms(service: str, phases: tuple[str, ...], counted: str) -> float:
        count = increase("_count", service, (counted,))
        return increase("_sum", service, phases) / count * 1e3 if count else 0.0

    total_s = increase("_sum", "gateway", ("total",))
    known = name in timeline.services()
    return Stage(
        name=name,
        calls_per_s=increase("_count", "gateway", ("total",)) / seconds,
        calls_inside=total_s / seconds,
        call_ms=mean_ms("gateway", ("total",), "total"),
        transfer_ms=mean_ms("gateway", ("transfer",), "transfer"),
        queue_ms=mean_ms(name, ("queue",), "queue") if known else None,
        infer_ms=mean_ms(name, ("preprocess", "infer", "postprocess"), "infer") if known else None,
        rows_waiting=timeline.mean("podium_queue_rows", begin_s, end_s, name) if known else None,
        cpu_cores=timeline.increase(CPU, begin_s, end_s, name) / seconds if known else None,
    )
