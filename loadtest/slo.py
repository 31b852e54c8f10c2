"""Compares the figures with the objectives of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.agreement import Agreement
from loadtest.calls import Call
from loadtest.curve import CallerFigures, LevelFigures
from loadtest.profile import Profile
from loadtest.steadiness import Memory

UNKNOWN = "not measured"


@dataclass(frozen=True)
class Verdict:
    """The result for one objective; an unmeasured objective is not met."""

    objective: str
    wanted: str
    found: str
    good: bool


def verdicts(
    profile: Profile,
    every_call: Sequence[Call],
    *,
    levels: Sequence[LevelFigures],
    callers: Sequence[CallerFigures],
    best: LevelFigures | None,
    agreements: Sequence[Agreement],
    memory: Sequence[Memory],
    p99_by_third_ms: Sequence[float | None],
) -> list[Verdict]:
    """The results for all objectives of the profile, and whether any call succeeded."""
    slo = profile.slo
    served = sum(not call.failure for call in every_call)
    found = [Verdict("calls answered", "some", str(served), served > 0)]

    def at_most(objective: str, limit: float | None, value: float | None, form: str) -> None:
        if limit is not None:
            text = UNKNOWN if value is None else f"{value:{form}}"
            good = value is not None and value <= limit
            found.append(Verdict(objective, f"at most {limit:{form}}", text, good))

    def at_least(objective: str, limit: float | None, value: float | None, form: str) -> None:
        if limit is not None:
            text = UNKNOWN if value is None else f"{value:{form}}"
            good = value is not None and value >= limit
            found.append(Verdict(objective, f"at least {limit:{form}}", text, good))

    failed = [bool(call.failure) for call in every_call]
    at_most("calls that failed", slo.max_error_share, _mean(failed), ".2%")
    for user, limit_ms in slo.p99_ms.items():
        values = [row.p99_ms for row in callers if row.user == user]
        at_most(f"p99 of {user}, ms", limit_ms, max(values, default=None), ".0f")
    at_least("frames per second", slo.min_frames_per_s, best.frames_per_s if best else None, ".1f")
    live = [call.on_time for call in every_call if call.user == "LiveFrameUser"]
    at_least("live frames on time", slo.min_on_time_share, _mean(live), ".1%")
    share = best.generator_share if best else None
    at_most("processors that the generator took", slo.max_generator_share, share, ".1%")
    differences = [each.difference for each in agreements]
    comparable = bool(differences) and all(each.comparable for each in agreements)
    worst = max(differences) if comparable else None
    at_most("latency beside the gateways' own", slo.max_latency_disagreement, worst, ".1%")
    slopes = {each.service: each.slope_mb_per_min for each in memory}
    for service in slopes or ("the services",):
        objective = f"memory of {service}, MB per minute"
        at_most(objective, slo.max_rss_slope_mb_per_min, slopes.get(service), ".2f")
    first_ms, _, last_ms = p99_by_third_ms
    growth = last_ms / first_ms if first_ms and last_ms else None
    at_most("p99 of the last third over the first", slo.max_p99_growth, growth, ".2f")
    return found


def _mean(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if values else None
