"""The data of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from loadtest.calls import Call
from loadtest.generator import GeneratorLoad
from loadtest.profile import Level, Profile, UserName
from loadtest.scrape import Timeline

REPORTS = Path("results") / "loadtest"
FIGURES = "figures.json"
"""Name of the file in the folder of a report."""

NO_RUN = 2
"""Exit code if there is no report."""

REPORT_DELAY_S = 4.0
"""Workers report every three seconds."""


@dataclass
class Span:
    """One level of a run; Unix times."""

    level: Level
    begin_s: float
    end_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)  # users by kind

    @property
    def name(self) -> str:
        """Name in the report."""
        users = self.level.users
        return self.level.name or (f"{users} users" if users > 1 else "1 user")


@dataclass
class Run:
    """One run, from its first user to its last answer. Times are Unix times."""

    profile: Profile
    begin_s: float
    end_s: float = 0.0
    calls: list[Call] = field(default_factory=list)
    generator: GeneratorLoad = field(default_factory=GeneratorLoad)
    timeline: Timeline = field(default_factory=Timeline)
    spans: list[Span] = field(default_factory=list)

    def settled(self, span: Span) -> tuple[float, float]:
        """Begin and end of the measured part of a level."""
        settle_s = min(self.profile.settle_s, (span.end_s - span.begin_s) / 2)
        return span.begin_s + settle_s, span.end_s

    def within(self, begin_s: float, end_s: float) -> list[Call]:
        """The calls that ended in an interval."""
        return [call for call in self.calls if begin_s <= call.ended_s < end_s]

    def frames_per_s(
        self,
        begin_s: float,
        end_s: float,
        user: str | None = None,
        endpoint: str | None = None,
        tier: str | None = None,
    ) -> float:
        """Answered frames per second, of all users or of some.

        The frames of a call are spread over its duration, so that long calls at the ends of a
        short interval count in part.
        """
        if end_s <= begin_s:
            return 0.0
        frames = 0.0
        for call in self.calls:
            if user not in (None, call.user) or endpoint not in (None, call.endpoint):
                continue
            if tier not in (None, call.tier):
                continue
            took_s = max(call.latency_ms / 1e3, 1e-6)
            overlap_s = min(end_s, call.ended_s) - max(begin_s, call.ended_s - took_s)
            if overlap_s > 0:
                frames += call.frames * overlap_s / took_s
        return frames / (end_s - begin_s)

    def replicas(self) -> dict[str, tuple[int, int]]:
        """Least and most replicas of each service that answered or that gateways knew."""
        return {
            service: (int(counts[:, 1].min()), int(counts[:, 1].max()))
            for service, counts in self.timeline.replica_counts().items()
        }

    def best(self) -> Span | None:
        """The level with the most frames per second; None: no level answered a frame."""
        rates = [(self.frames_per_s(*self.settled(s)), s) for s in self.spans if s.end_s]
        rate, best = max(rates, key=lambda pair: pair[0], default=(0.0, None))
        return best if rate > 0 else None

    def pace(self, level: Level) -> dict[UserName, float]:
        """Seconds per frame for a user of each kind, for a level with ``share_of_capacity``."""
        best = self.best()
        if level.share_of_capacity is None or best is None:
            return {}
        begin_s, end_s = self._known(best)
        seconds_per_frame: dict[UserName, float] = {}
        for kind in self.profile.kinds(level):
            offered = self.frames_per_s(begin_s, end_s, kind) * level.share_of_capacity
            users = best.counts.get(kind, 0) * level.users / best.level.users
            if offered > 0:
                seconds_per_frame[kind] = users / offered
        return seconds_per_frame

    def _known(self, span: Span) -> tuple[float, float]:
        """The measured part of a level up to the time at which all calls have ended."""
        begin_s, end_s = self.settled(span)
        slowest_ms = max((call.latency_ms for call in self.within(begin_s, end_s)), default=0.0)
        return begin_s, max(end_s - slowest_ms / 1e3, (begin_s + end_s) / 2)


def percentiles_ms(values_ms: list[float]) -> tuple[float, float, float]:
    """p50, p95, p99; zeros without values."""
    if not values_ms:
        return 0.0, 0.0, 0.0
    p50, p95, p99 = np.percentile(values_ms, [50, 95, 99])
    return float(p50), float(p95), float(p99)
