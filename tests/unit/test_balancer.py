"""Which replica gets a call, and how many retries there may be."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack

import pytest

from podium.errors import SetupError, Unavailable
from podium.serving.calling.balancer import Balancer, RetryBudget
from podium.serving.calling.endpoints import DnsEndpoints, StaticEndpoints, read_endpoints

A, B, C = "http://a:1", "http://b:1", "http://c:1"


def test_the_less_loaded_of_two_is_taken():
    balancer = Balancer("pose2d", StaticEndpoints([A, B]))
    with balancer.pick(32) as first:
        for _ in range(20):
            with balancer.pick(1) as other:
                assert other.address != first.address
    with balancer.pick(1) as replica:
        assert replica.in_flight_rows == 1
    assert replica.in_flight_rows == 0


def test_load_spreads_evenly():
    balancer = Balancer("pose2d", StaticEndpoints([A, B, C]))
    with ExitStack() as stack:
        taken = Counter(stack.enter_context(balancer.pick(1)).address for _ in range(300))
    assert max(taken.values()) - min(taken.values()) <= 10


def test_a_failing_replica_is_left_alone_and_comes_back(monkeypatch):
    balancer = Balancer("pose2d", StaticEndpoints([A, B]))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(3):
        with balancer.pick(1, avoid=[B]) as replica:
            assert replica.address == A
            balancer.failed(replica)
    for _ in range(20):
        with balancer.pick(1) as other:
            assert other.address == B
    now += 1.1
    assert {balancer._choose(()).address for _ in range(50)} == {A, B}
    balancer.failed(replica)  # and again: twice as long
    now += 1.1
    assert {balancer._choose(()).address for _ in range(50)} == {B}
    now += 1.0
    balancer.succeeded(replica)
    assert {balancer._choose(()).address for _ in range(50)} == {A, B}


def test_when_all_fail_all_are_tried():
    balancer = Balancer("pose2d", StaticEndpoints([A]))
    for _ in range(5):
        with balancer.pick(1, avoid=[A]) as replica:
            balancer.failed(replica)
    with balancer.pick(1) as replica:
        assert replica.address == A
    with (
        pytest.raises(Unavailable, match="pose2d"),
        Balancer("pose2d", StaticEndpoints([])).pick(1),
    ):
        pass


def test_an_ejected_replica_is_tried_before_one_that_has_just_failed():
    balancer = Balancer("pose2d", StaticEndpoints([A, B]))
    for _ in range(3):
        with balancer.pick(1, avoid=[B]) as replica:
            balancer.failed(replica)
    assert {balancer._choose(()).address for _ in range(20)} == {B}
    assert {balancer._choose([B]).address for _ in range(20)} == {A}


def test_a_slow_replica_is_not_a_hung_one(monkeypatch):
    balancer = Balancer("pose2d", StaticEndpoints([A, B]))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with balancer.pick(1, avoid=[B]) as replica:
        for _ in range(5):
            balancer.silent(replica, since=now - 0.5)
        assert replica.failures == 0  # a short budget says nothing of the replica
        balancer.succeeded(replica)
        for _ in range(5):
            balancer.silent(replica, since=now - 60)
        assert replica.failures == 0  # it has just answered somebody
        now += 2
        for _ in range(3):
            balancer.silent(replica, since=now - 1.5)
    assert {balancer._choose(()).address for _ in range(20)} == {B}


def test_retries_are_a_share_of_the_calls():
    budget = RetryBudget(share=0.1, burst=5)
    assert sum(budget.may_retry() for _ in range(100)) == 5
    retries = 0
    for _ in range(1000):
        budget.first_attempt()
        retries += budget.may_retry()
    assert 95 <= retries <= 101


async def test_dns_gives_every_address_of_a_name():
    endpoints = DnsEndpoints("localhost", 8003)
    await endpoints.resolve()
    assert "http://127.0.0.1:8003" in endpoints.addresses()
    gone = DnsEndpoints("no-such-host.invalid", 1)
    gone._urls = (A,)
    await gone.resolve()
    assert gone.addresses() == (A,)  # what was known stays


def test_settings_of_endpoints():
    assert read_endpoints("http://a:1/, http://b:1", setting="X").addresses() == (A, B)
    assert isinstance(read_endpoints("dns://pods:8003", setting="X"), DnsEndpoints)
    for wrong in ("", "a:1", "ftp://a", "dns://pods", "dns://a:1,dns://b:1"):
        with pytest.raises(SetupError, match="PODIUM_GATEWAY_POSE2D_URL"):
            read_endpoints(wrong, setting="PODIUM_GATEWAY_POSE2D_URL")
