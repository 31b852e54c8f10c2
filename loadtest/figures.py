"""The figures of a run, as the report shows them."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtest.agreement import Agreement, agreements
from loadtest.calls import failures, refusals
from loadtest.capacity import Capacity, Prices, capacity_table
from loadtest.curve import (
    CallerFigures,
    LevelFigures,
    caller_figures,
    curve_of,
    knee,
    level_figures,
)
from loadtest.run import Run
from loadtest.slo import Verdict, verdicts
from loadtest.stages import Bottleneck, Stage, bottleneck, cpu_cores, stages_between
from loadtest.steadiness import Memory, memory, p99_by_third


@dataclass(frozen=True)
class Figures:
    """All figures of the report."""

    profile: str
    description: str
    hosts: tuple[str, ...]
    date: str
    generator: str  # its machine
    seconds: float
    levels: list[LevelFigures]
    callers: list[CallerFigures]
    best: LevelFigures | None
    knee: LevelFigures | None
    bottleneck: Bottleneck | None
    stages: list[Stage]  # on the best level
    cpu_cores: dict[str, float]  # by service, on the best level
    others_share: float | None  # CPU share of other processes then, if the services run here
    failures: list[tuple[str, int, str, int]]  # user, code, reason, number
    refusals: list[tuple[str, int, int]]  # user, code, number
    agreements: list[Agreement]
    longest: str  # name of the longest level
    memory: list[Memory]  # over the longest level
    steady_s: float  # its duration
    p99_by_third_ms: list[float | None]  # of the longest level
    replicas: dict[str, tuple[int, int]]  # least and most that answered or were known
    capacity: list[Capacity]
    verdicts: list[Verdict]

    @property
    def good(self) -> bool:
        """Whether all objectives of the profile are met."""
        return all(verdict.good for verdict in self.verdicts)


def figures_of(run: Run, prices: Prices) -> Figures:
    """Calculate the figures.

    Args:
        run: A run that has ended.
        prices: Prices for the capacity table.
    """
    profile = run.profile
    levels = [level_figures(run, span) for span in run.spans]
    best_span = run.best()
    best = level_figures(run, best_span) if best_span else None
    begin_s, end_s = run.settled(best_span) if best_span else (0.0, 0.0)
    longest = max(run.spans, key=lambda span: span.end_s - span.begin_s, default=None)
    steady = run.settled(longest) if longest else (0.0, 0.0)
    cores = cpu_cores(run.timeline, begin_s, end_s) if best else {}
    stages = stages_between(run.timeline, begin_s, end_s)
    complete = {"gateway", *(stage.name for stage in stages)} <= set(cores)
    found: dict[str, Any] = {
        "levels": levels,
        "callers": [row for span in run.spans for row in caller_figures(run, span)],
        "best": best,
        "agreements": agreements(run),
        "memory": memory(run, *steady),
        "p99_by_third_ms": p99_by_third(run, *steady),
    }
    return Figures(
        **found,
        profile=profile.name,
        description=profile.description,
        hosts=tuple(tier.host for tier in profile.gateways().values()),
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(run.begin_s)),
        generator=machine(),
        seconds=run.end_s - run.begin_s,
        knee=knee(curve_of(run, levels)),
        bottleneck=bottleneck(run.timeline, begin_s, end_s) if best else None,
        stages=stages,
        cpu_cores=cores,
        others_share=_others_share(run, best, cores),
        failures=[(*key, count) for key, count in failures(run.calls).most_common()],
        refusals=[(*key, count) for key, count in refusals(run.calls).most_common()],
        longest=longest.name if longest else "",
        steady_s=steady[1] - steady[0],
        replicas=run.replicas(),
        capacity=capacity_table(
            best.frames_per_s if best else 0.0,
            sum(cores.values()) / best.frames_per_s if best and complete else None,
            "this run",
            profile.instance,
            prices,
        ),
        verdicts=verdicts(profile, run.calls, **found),
    )


def _others_share(run: Run, best: LevelFigures | None, cores: dict[str, float]) -> float | None:
    hosts = {urlsplit(tier.host).hostname for tier in run.profile.gateways().values()}
    if best is None or not hosts <= {"127.0.0.1", "localhost", "::1"}:
        return None
    services = sum(cores.values()) / (os.cpu_count() or 1)
    return max(0.0, best.machine_share - best.generator_share - services)


def machine() -> str:
    """Processors and system of this machine."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    return f"{os.cpu_count()} processors, {name}, {platform.system()}"
