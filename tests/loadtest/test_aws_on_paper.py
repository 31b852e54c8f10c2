"""Levers in simulation against closed forms, and costs against sums by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest import aws_costs, stream_levers
from loadtest.aws_costs import Installation, Work, idle_day, load, million_frames
from loadtest.stream_levers import CALL_S, PLACES, POLL_S, PUSH_S, SERVICE_S, Levers, Simulation


def latencies(levers: Levers, puts: list[float]) -> list[float]:
    return Simulation(levers, puts).run().latencies()


def test_a_frame_batch_alone_waits_for_its_poll_and_is_served() -> None:
    puts = [100.0 * n + n / 200 for n in range(200)]
    found = latencies(Levers(), puts)
    least = CALL_S + SERVICE_S
    assert least <= found[0] <= found[-1] <= least + POLL_S
    assert sum(found) / len(found) == pytest.approx(least + POLL_S / 2, abs=0.1)
    pushed = latencies(Levers(fan_out=True), puts)
    assert pushed == pytest.approx([PUSH_S + least] * len(puts))


@pytest.mark.parametrize("levers", [Levers(), Levers(factor=2), Levers(shards=1, batch=5)])
def test_lanes_limit_what_is_done(levers: Levers) -> None:
    """With room at the gateways, throughput is lanes / time of a frame batch."""
    roomy = Levers(levers.shards, levers.factor, levers.batch, replicas=50, most_replicas=50)
    count, lanes = 2000, levers.shards * levers.factor
    last = latencies(roomy, [0.0] * count)[-1]
    least = count / lanes * (SERVICE_S + CALL_S / levers.batch)
    assert least <= last <= 1.1 * least  # partition keys fill lanes unevenly


def test_places_limit_what_is_done() -> None:
    """With more lanes than places, throughput is places / time of a frame batch."""
    count, replicas = 600, 3
    levers = Levers(shards=40, replicas=replicas, most_replicas=replicas)
    last = latencies(levers, [0.0] * count)[-1]
    assert last == pytest.approx(count * SERVICE_S / (PLACES * replicas), rel=0.05)


def test_replicas_help_only_where_lanes_ask_for_them() -> None:
    burst = [0.0] * 300
    alone = latencies(Levers(), burst)[-1]
    assert latencies(Levers(most_replicas=8), burst)[-1] == pytest.approx(alone)
    wide = latencies(Levers(shards=8, factor=2), burst)[-1]
    assert latencies(Levers(shards=8, factor=2, most_replicas=8), burst)[-1] < 0.75 * wide


def test_costs_are_sums_of_prices() -> None:
    day = idle_day(load(), Installation(instances={"m5.xlarge": 2}))
    assert day["streams"] == pytest.approx(6 * 24 * 0.015)
    assert day["database"] == pytest.approx(0.5 * 24 * 0.12)
    assert day["proxy of the database"] == pytest.approx(8 * 24 * 0.015)
    assert day["2 m5.xlarge"] == pytest.approx(2 * 24 * 0.192)
    work = Work(video_frames=64_000, batch_frames=64)
    assert (work.jobs, work.batches) == (16, 16_000)
    costs = million_frames(load(), work)
    by_hand = 16_000 * (0.20 / 1e6 + 2.0 * 0.5 * 16.6667 / 1e6)
    assert costs["consumers"] == pytest.approx(by_hand)
    assert costs["streams"] == pytest.approx(16_000 * 0.014 / 1e6)


@pytest.mark.parametrize("tables", [stream_levers.table, aws_costs.tables])
def test_the_page_has_what_the_programs_print(tables: Callable[[], str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "aws.md").read_text()
    assert tables() in page
