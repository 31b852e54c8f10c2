"""Figures of load tests against what they are by hand or in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from loadtest.calls import Call, failures, reason, refusals
from loadtest.capacity import Instance, Prices, capacity_table, load_prices
from loadtest.curve import LevelFigures, knee
from loadtest.generator import GeneratorLoad
from loadtest.profile import Level, Profile, Tier, User, in_turn
from loadtest.report import write_report
from loadtest.run import Run, Span
from loadtest.scrape import Timeline
from loadtest.stages import bottleneck
from loadtest.steadiness import memory, p99_by_third


def call(ended_s: float, latency_ms: float = 100.0, **changes: object) -> Call:
    known: dict[str, object] = {
        "ended_s": ended_s,
        "user": "OipClientUser",
        "tier": "",
        "endpoint": "/v2/models/pose-3d/infer",
        "latency_ms": latency_ms,
        "answer_ms": latency_ms,
        "first_ms": 0.0,
        "frames": 10,
        "code": 200,
        "failure": "",
    }
    return Call(**{**known, **changes})


def run_of(calls: list[Call], timeline: Timeline | None = None) -> Run:
    profile = Profile(levels=(Level(users=1, seconds=1),), users={"OipClientUser": User()})
    return Run(profile, 0.0, calls=calls, timeline=timeline or Timeline())


def test_frames_count_over_the_time_of_their_call():
    run = run_of([call(12.0, 4000.0, frames=40), call(25.0, 10_000.0, frames=50)])
    assert run.frames_per_s(10, 20) == pytest.approx((20 + 25) / 10)
    assert run.frames_per_s(0, 30) == pytest.approx(90 / 30)


def test_the_knee_is_where_a_closed_network_is_full():
    """Asymptotes of a closed network (Denning and Buzen 1978): the knee is at most / least time."""
    least_s, most_per_s = 0.5, 16.0  # knee at 8 users

    def level(users: int) -> LevelFigures:
        per_s = min(users / least_s, most_per_s)
        mean_ms = users / per_s * 1e3
        values = dict.fromkeys(LevelFigures.__dataclass_fields__, 0.0)
        known = {"users": users, "frames_per_s": per_s, "mean_ms": mean_ms}
        return LevelFigures(**{**values, **known})  # type: ignore[arg-type]

    found = knee([level(users) for users in (1, 2, 4, 8, 16, 32)])
    assert found is not None
    assert found.users == 8
    assert knee([level(1), level(2)]) is None


def test_a_million_frames_cost_what_they_cost_by_hand():
    prices = Prices(
        currency="USD",
        region="here",
        as_of="now",
        instances={
            "mine": Instance(per_hour=0.36, vcpus=2),
            "other": Instance(per_hour=0.72, vcpus=8),
        },
    )
    mine, other = capacity_table(100.0, 0.02, "laptop", "mine", prices)
    # 0.36 per hour buys 360,000 frames, so a million costs 1.00.
    assert (mine.measured, mine.frames_per_s) == (True, 100.0)
    assert mine.per_million == pytest.approx(1.0)
    assert mine.frames_per_core_hour == pytest.approx(180_000)
    # 8 processors / 0.02 s = 400 frames/s, 1.44 million per hour.
    assert (other.measured, other.frames_per_s) == (False, pytest.approx(400.0))
    assert other.per_million == pytest.approx(0.5)
    (alone,) = capacity_table(100.0, None, "laptop", "", prices)
    assert (alone.machine, alone.per_million, alone.frames_per_core_hour) == ("laptop", None, None)


def metrics(name: str, value: float, **labels: str) -> str:
    inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value}\n"


def test_counters_that_begin_anew_lose_nothing():
    timeline = Timeline()
    for time_s, value in ((0, 100), (10, 150), (20, 30), (30, 40)):
        text = metrics("podium_frames_total", value)
        timeline.add("gateway", "http://a", time_s, text)
        timeline.replicas["gateway"].append((time_s, 1))
    assert timeline.increase("podium_frames_total", 0, 30) == pytest.approx(50 + 30 + 10)
    assert timeline.increase("podium_frames_total", 5, 10) == pytest.approx(25)


def test_counters_that_appear_later_began_at_nothing():
    timeline = Timeline()
    timeline.add("gateway", "http://a", 0, "")
    timeline.replicas["gateway"].append((0, 1))
    timeline.add("gateway", "http://a", 2, metrics("podium_frames_total", 7, status="ok"))
    timeline.replicas["gateway"].append((2, 1))
    assert timeline.increase("podium_frames_total", 0, 2, status="ok") == 7
    assert timeline.increase("podium_frames_total", 0, 2, status="failed") == 0


def gateway_at(time_s: float, inside: dict[str, float], cpu_s: float) -> str:
    """What a gateway tells whose stages have so many calls inside, all the time."""
    name = "podium_stage_duration_seconds"
    lines = [metrics("process_cpu_seconds_total", cpu_s)]
    for stage, calls in inside.items():
        labels = {"stage": stage, "phase": "total"}
        lines += [
            metrics(f"{name}_sum", calls * time_s, **labels),
            metrics(f"{name}_count", 10 * time_s, **labels),
        ]
    return "".join(lines)


@pytest.mark.parametrize(
    ("inside", "cpu", "named"),
    [
        ({"decode": 1.0, "crop": 1.5, "detection": 2.0, "pose3d": 1.0}, 0.3, "decode"),
        ({"decode": 1.0, "crop": 0.5, "detection": 2.0, "pose3d": 1.0}, 0.3, "detection"),
        ({"decode": 1.0, "crop": 0.5, "detection": 2.0, "pose3d": 1.0}, 0.99, "gateway"),
    ],
)
def test_the_bottleneck_is_where_the_calls_are(inside, cpu, named):
    timeline = Timeline()
    for time_s in (0.0, 5.0, 10.0):
        timeline.add("gateway", "http://a", time_s, gateway_at(time_s, inside, cpu * time_s))
        timeline.replicas["gateway"].append((time_s, 1))
    found = bottleneck(timeline, 0.0, 10.0)
    assert found is not None
    assert found.stage == named


def test_slopes_and_tails_over_time():
    random = np.random.default_rng(3)
    timeline = Timeline()
    for time_s in range(0, 601, 5):
        mb = 200 + 1.5 * time_s / 60 + random.normal(0, 0.1)
        text = metrics("process_resident_memory_bytes", mb * 1e6)
        timeline.add("decode", "http://a", time_s, text)
        timeline.replicas["decode"].append((time_s, 1))
    calls = [call(t, 100 + (t > 400) * 100) for t in np.arange(0, 600, 0.5).tolist()]
    run = run_of(calls, timeline)
    (found,) = memory(run, 0, 600)
    assert found.slope_mb_per_min == pytest.approx(1.5, abs=0.02)
    assert p99_by_third(run, 0, 600) == [pytest.approx(100), pytest.approx(100), pytest.approx(200)]
    assert p99_by_third(run, 0, 60) == [None, None, None]


def test_cpu_of_several_processes_on_two_machines():
    load = GeneratorLoad()
    # Each process takes 0.5 processors; each machine has 4 and is busy with 3.
    for process in ("one/1", "one/2", "two/1"):
        load.add(process, [(t, 0.5 * t, 3.0 * t, 4.0) for t in (0.0, 5.0, 10.0)])
    assert load.share(2, 8) == pytest.approx(1.5 / 8)
    assert load.machine_share(2, 8) == pytest.approx(6 / 8)


def test_users_are_dealt_out_by_weight_at_any_number():
    weights = {"gold": 6.0, "silver": 3.0, "bronze": 1.0}
    gateways = {name: Tier(weight=weight) for name, weight in weights.items()}
    dealt = list(itertools.islice(in_turn(gateways), 100))
    for count in (10, 20, 50, 100):
        for name, weight in weights.items():
            assert abs(dealt[:count].count(name) - count * weight / 10) <= 1


def test_errors_are_counted_by_what_they_have_in_common():
    full = [f"all {n} places are taken; come back in {n / 3} s" for n in (3, 4, 12)]
    calls = [call(1, code=429, failure=reason(text), refusals=(429, 503)) for text in full]
    (key,) = failures(calls)
    assert key == ("OipClientUser", 429, "all # places are taken; come back in # s")
    assert refusals(calls) == {("OipClientUser", 429): 3, ("OipClientUser", 503): 3}


def test_a_paced_level_gets_its_share_of_each_kind():
    users = {"OipClientUser": User(), "LiveFrameUser": User()}
    levels = (Level(users=4, seconds=20), Level(users=8, seconds=20, share_of_capacity=0.5))
    profile = Profile(levels=levels, users=users, settle_s=0)
    calls = [call(t, 1000.0, frames=40) for t in np.arange(1, 21).tolist()]
    calls += [call(t, 500, frames=1, user="LiveFrameUser") for t in np.arange(0.5, 20.5, 0.5)]
    counts = {"OipClientUser": 3, "LiveFrameUser": 1}
    run = Run(profile, 0.0, calls=calls, spans=[Span(levels[0], 0.0, 20.0, counts)])
    # 40 and 2 frames/s were reached; half of it by twice as many users.
    pace = run.pace(levels[1])
    assert pace["OipClientUser"] == pytest.approx(6 / 20)
    assert pace["LiveFrameUser"] == pytest.approx(2 / 1)
    assert run.pace(levels[0]) == {}


def test_text_of_a_gateway_stays_text_in_the_report(tmp_path):
    evil = "<script>alert()</script> | ![x](../../secret) **bold** `code`"
    run = run_of([call(1, code=400, failure=reason(evil))])
    run.spans = [Span(Level(users=1, seconds=2), 0.0, 2.0)]
    run.end_s = 2.0
    figures = write_report(run, load_prices(), tmp_path)
    assert not figures.good
    shown = "&lt;script&gt;alert()&lt;/script&gt; | ![x](../../secret) **bold** `code`"
    assert f"<td>{shown}</td>" in (tmp_path / "report.html").read_text()


def test_what_a_frame_costs_is_not_guessed(tmp_path):
    """The gateways tell which stages were called, but not what CPU time these took."""
    timeline = Timeline()
    for time_s in (0.0, 5.0, 10.0):
        text = gateway_at(time_s, {"decode": 1.0, "pose3d": 2.0}, 0.3 * time_s)
        timeline.add("gateway", "http://a", time_s, text)
        timeline.replicas["gateway"].append((time_s, 1))
    run = run_of([call(t) for t in np.arange(1, 10).tolist()], timeline)
    run.spans = [Span(Level(users=1, seconds=10), 0.0, 10.0)]
    run.end_s = 10.0
    run.profile.slo.max_rss_slope_mb_per_min = 1.0
    figures = write_report(run, load_prices(), tmp_path)
    (capacity,) = figures.capacity
    assert (capacity.cpu_s_per_frame, capacity.per_million) == (None, None)
    assert figures.bottleneck is not None
    assert figures.bottleneck.stage == "pose3d"
    # An objective that cannot be measured is not met.
    assert [v.found for v in figures.verdicts if not v.good] == ["not measured"]
