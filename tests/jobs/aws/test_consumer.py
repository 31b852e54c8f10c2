"""The consumer: order, time, poison, crashes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from podium.jobs.aws.consumer import DEAD_RECORDS, consume_records
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import checking, leases
from podium.jobs.sql.database import Database
from podium.jobs.steps import check, initialize, submit
from tests.jobs.aws.lambdas import Stream, raw_record, record
from tests.jobs.aws.state_machine import Context
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.job_world import World, make_world
from tests.support.videos import write_video


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as fake:
        yield fake


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def world(sqlite: Database, tmp_path: Path, gateway: FakeGateway, stream: Stream) -> World:
    made = make_world(sqlite, tmp_path, gateway.url)
    return replace(made, env=replace(made.env, stream=stream))


@pytest.fixture
def job_id(world: World, tmp_path: Path) -> int:
    """A job whose five frame batches are on the stream."""
    job_id = world.submit(write_video(tmp_path / "sprint.mp4", 50))
    for video_id in initialize(world.env, job_id):
        assert submit(world.env, video_id) == 5
    world.env.database.write(
        SYSTEM, lambda s: checking.jobs.transition(s, job_id, "processing", world.env.now())
    )
    return job_id


@pytest.fixture
def records(job_id: int, stream: Stream) -> list[dict[str, Any]]:
    del job_id
    return [stream.records.get_nowait() for _ in range(5)]


def sequence(of: dict[str, Any]) -> str:
    return str(of["kinesis"]["sequenceNumber"])


def failures(world: World, records: list[dict[str, Any]], seconds: float = 900.0) -> list[str]:
    answer = consume_records(world.env, {"Records": records}, Context(seconds))
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_records_are_done_in_their_order(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]]
) -> None:
    assert failures(world, records) == []
    assert [call["start"] for call in gateway.calls] == [0, 10, 20, 30, 40]


def test_it_stops_at_the_first_record_that_has_to_come_again(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]], job_id: int
) -> None:
    gateway.fails = lambda body, _: (503, "no replica") if body["start"] == 20 else None
    assert failures(world, records) == [sequence(records[2])]
    assert {call["start"] for call in gateway.calls} == {0, 10, 20}

    gateway.fails = lambda body, _: None
    assert failures(world, records[2:]) == []
    assert {batch.frame_batch_status for batch in world.batches(job_id)} == {"succeeded"}


def test_what_comes_twice_is_done_once(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]]
) -> None:
    assert failures(world, records) == []
    assert failures(world, records) == []
    assert len(gateway.calls) == 5


def test_nothing_is_begun_without_the_time_for_it(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]]
) -> None:
    assert failures(world, records, seconds=15.0) == [sequence(records[1])]
    assert len(gateway.calls) == 1


def test_a_call_ends_before_the_function_does(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]], job_id: int
) -> None:
    gateway.delay_s = 3.0
    assert failures(world, records[:1], seconds=6.0) == [sequence(records[0])]
    [batch, *_] = world.batches(job_id)
    assert (batch.frame_batch_status, batch.error_code) == ("submitted", "deadline_exceeded")


def test_poison_fails_and_its_record_is_kept(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]], job_id: int
) -> None:
    gateway.fails = lambda body, _: (400, "start: is wrong") if body["start"] == 10 else None
    assert failures(world, records) == []
    assert [batch.frame_batch_status for batch in world.batches(job_id)] == [
        "succeeded", "failed", "succeeded", "succeeded", "succeeded",
    ]  # fmt: skip
    key = f"{DEAD_RECORDS}/podium-standard/{sequence(records[1])}.json"
    kept = json.loads(b"".join(world.env.objects.read(key)))
    assert kept["record"] == records[1]
    assert "has ended without a result" in kept["why"]


@pytest.mark.parametrize(
    "data", [b"\xff\x00", b"[]", b"{}", b'{"frame_batch_id": "1"}', b'{"frame_batch_id": 1e400}']
)
def test_what_is_no_record_of_ours_is_kept_and_holds_nobody_up(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]], data: bytes
) -> None:
    strange = raw_record(data, 7000)
    assert failures(world, [strange, *records]) == []
    assert len(gateway.calls) == 5
    [kept] = list(world.env.objects.below(DEAD_RECORDS))
    stored = json.loads(b"".join(world.env.objects.read(kept.key)))
    assert base64.b64decode(stored["record"]["kinesis"]["data"]) == data


def test_a_record_of_a_batch_that_is_gone_is_done(world: World, gateway: FakeGateway) -> None:
    assert failures(world, [record(123456, 1)]) == []
    assert gateway.calls == []


def test_what_a_crash_left_is_taken_up_by_the_same_record_alone(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]], job_id: int
) -> None:
    owners: list[str] = []
    gateway.fails = lambda body, _: (
        owners.append(world.batches(job_id)[0].owner or "") or (503, "x")  # type: ignore[func-returns-value]
    )
    failures(world, records[:1])
    gateway.fails = lambda body, _: None
    env, batch = world.env, world.batches(job_id)[0]
    until = env.now() + timedelta(seconds=900)
    env.database.write(
        SYSTEM,
        lambda s: leases.claim_one(s, owners[0], batch.id, now=env.now(), until=until),
    )
    before = len(gateway.calls)
    assert failures(world, [record(batch.id, 9000)]) == []  # told of twice: the other works on it
    assert len(gateway.calls) == before
    assert failures(world, records[:1]) == []
    assert world.batches(job_id)[0].frame_batch_status == "succeeded"


def test_a_batch_that_kills_its_consumers_fails(
    world: World, gateway: FakeGateway, records: list[dict[str, Any]], job_id: int
) -> None:
    batch, env = world.batches(job_id)[0], world.env
    for _ in range(5):
        gone = env.now() - timedelta(seconds=1)
        env.database.write(
            SYSTEM,
            lambda s, gone=gone: leases.claim_one(s, "dead", batch.id, now=env.now(), until=gone),
        )
    assert failures(world, records[:1]) == []
    assert world.batches(job_id)[0].error_message == "its worker died 5 times while at work on it"
    assert gateway.calls == []


def test_the_stream_is_told_again_of_what_it_has_lost(
    world: World, stream: Stream, records: list[dict[str, Any]], job_id: int
) -> None:
    del records  # nobody gets them
    assert check(world.env, job_id).pending == 5
    assert stream.records.empty()
    told = []
    for minutes in range(1, 61):
        later = world.env.now() + timedelta(minutes=minutes)
        check(replace(world.env, now=lambda later=later: later), job_id)  # type: ignore[misc]
        if not stream.records.empty():
            told.append(minutes)
            assert len({sequence(stream.records.get_nowait()) for _ in range(5)}) == 5
    assert told[0] in (5, 6)
    assert 3 <= len(told) <= 5  # 5, 10, 20, 40: a long queue is not filled with repetitions
