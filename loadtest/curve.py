"""The capacity curve: figures of each level and of each kind of user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.calls import Call
from loadtest.run import Run, Span, percentiles_ms


@dataclass(frozen=True)
class LevelFigures:
    """Figures of one level, over all its users."""

    name: str
    users: int
    seconds: float
    frames_per_s: float
    calls_per_s: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    failed: int
    refused: int  # attempts
    generator_share: float  # share of its machine's processors used by the generator
    machine_share: float  # share used by all processes


@dataclass(frozen=True)
class CallerFigures:
    """Figures of one kind of user at one endpoint of one gateway, on one level."""

    level: str
    user: str
    endpoint: str
    tier: str
    calls: int
    frames_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    first_ms: float | None  # median until the first frame, if answers are streamed
    on_time: float | None  # share of answers in time, if there is a target
    skipped: int  # skipped frames of live cameras
    failed: int


def curve_of(run: Run, levels: Sequence[LevelFigures]) -> list[LevelFigures]:
    """The levels of the capacity curve, by number of users.

    These are the levels with the kinds of users of the first one and without a limited pace.
    """
    kinds = {run.profile.kinds(span.level) for span in run.spans[:1]}
    pairs = zip(levels, run.spans, strict=True)
    found = [
        level
        for level, span in pairs
        if span.level.share_of_capacity is None and run.profile.kinds(span.level) in kinds
    ]
    return sorted(found, key=lambda level: level.users)


def level_figures(run: Run, span: Span) -> LevelFigures:
    """The figures of one level."""
    begin_s, end_s = run.settled(span)
    calls = run.within(begin_s, end_s)
    latencies_ms = [call.latency_ms for call in calls]
    p50_ms, p95_ms, p99_ms = percentiles_ms(latencies_ms)
    return LevelFigures(
        name=span.name,
        users=span.level.users,
        seconds=end_s - begin_s,
        frames_per_s=run.frames_per_s(begin_s, end_s),
        calls_per_s=len(calls) / (end_s - begin_s),
        mean_ms=float(np.mean(latencies_ms)) if calls else 0.0,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        failed=sum(bool(call.failure) for call in calls),
        refused=sum(len(call.refusals) for call in calls),
        generator_share=run.generator.share(begin_s, end_s),
        machine_share=run.generator.machine_share(begin_s, end_s),
    )


def caller_figures(run: Run, span: Span) -> list[CallerFigures]:
    """The figures of one level, by kind of user, endpoint and gateway."""
    begin_s, end_s = run.settled(span)
    groups: dict[tuple[str, str, str], list[Call]] = {}
    for call in run.within(begin_s, end_s):
        groups.setdefault((call.user, call.endpoint, call.tier), []).append(call)
    rows = []
    for (user, endpoint, tier), calls in sorted(groups.items()):
        p50_ms, p95_ms, p99_ms = percentiles_ms([call.latency_ms for call in calls])
        firsts_ms = [call.first_ms for call in calls if call.first_ms > 0]
        live = user == "LiveFrameUser"
        rows.append(
            CallerFigures(
                level=span.name,
                user=user,
                endpoint=endpoint,
                tier=tier,
                calls=len(calls),
                frames_per_s=run.frames_per_s(begin_s, end_s, user, endpoint, tier),
                p50_ms=p50_ms,
                p95_ms=p95_ms,
                p99_ms=p99_ms,
                first_ms=float(np.median(firsts_ms)) if firsts_ms else None,
                on_time=float(np.mean([call.on_time for call in calls])) if live else None,
                skipped=sum(call.skipped for call in calls),
                failed=sum(bool(call.failure) for call in calls),
            )
        )
    return rows


def knee(levels: Sequence[LevelFigures]) -> LevelFigures | None:
    """The level with the highest power: frames per second over mean latency.

    Beyond it latency grows faster than throughput (Kleinrock, ICC 1979). None: there is no curve.
    """
    answered = [level for level in levels if level.mean_ms > 0]
    if len({level.users for level in answered}) < 3:
        return None
    return max(answered, key=lambda level: level.frames_per_s / level.mean_ms)
