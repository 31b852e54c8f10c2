"""The simulator says what AWS's text says, and the consumer holds under it."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from podium.jobs.aws import steps
from podium.jobs.aws.consumer import DEAD_RECORDS, consume_records
from podium.jobs.sql.database import Database
from podium.schemas.states import Priority
from tests.jobs.aws.event_source_mapping import EventSourceMapping, Record, Shard
from tests.jobs.aws.state_machine import Context
from tests.support.fake_gateway import fake_gateway
from tests.support.job_world import make_world
from tests.support.videos import write_video


@dataclass
class Memory:
    """A stream of shards in memory; a shard in ``closed`` has an end."""

    records: dict[str, list[Record]]
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    arn: str = "arn:aws:kinesis:us-east-1:123456789012:stream/podium-standard"

    def shards(self) -> Sequence[Shard]:
        return [Shard(name, self.parents.get(name, ())) for name in self.records]

    def read(self, shard: str, position: Any) -> tuple[list[Record], Any]:
        first = position or 0
        found = self.records[shard][first : first + 10]
        ended = shard in self.closed and first + len(found) >= len(self.records[shard])
        return found, None if ended else first + len(found)


def made(count: int, keys: int = 1, first: int = 0) -> list[Record]:
    return [Record(f"{first + n:056d}", str(n % keys), b"%d" % n) for n in range(count)]


class Calls:
    """A function that keeps what it was given, and does as it is told."""

    def __init__(self, act: Callable[[list[int]], Any] = lambda numbers: None) -> None:
        self.batches: list[list[int]] = []
        self._act = act
        self._lock = threading.Lock()

    def __call__(self, event: dict[str, Any]) -> Any:
        numbers = [int(record["kinesis"]["sequenceNumber"]) for record in event["Records"]]
        with self._lock:
            self.batches.append(numbers)
        return self._act(numbers)

    @property
    def seen(self) -> Counter[int]:
        return Counter(number for batch in self.batches for number in batch)


def failures(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"{number:056d}"} for number in numbers]}


def run(source: Memory, calls: Calls, until: Callable[[], bool], **options: Any) -> list[int]:
    """Run a mapping until something holds; gives the sequence numbers that were given up."""
    dropped: list[int] = []

    def give_up(records: list[dict[str, Any]]) -> None:
        dropped.extend(int(record["kinesis"]["sequenceNumber"]) for record in records)

    with EventSourceMapping(source, calls, give_up=give_up, **options):
        end = time.monotonic() + 20
        while not until():
            assert time.monotonic() < end, calls.batches[-10:]
            time.sleep(0.01)
        time.sleep(0.1)  # what comes too often comes now
    return dropped


def test_batches_have_their_size_and_order() -> None:
    calls = Calls()
    run(Memory({"s": made(25)}), calls, lambda: len(calls.seen) == 25, batch_size=10)
    assert [number for batch in calls.batches for number in batch] == list(range(25))
    assert max(map(len, calls.batches)) <= 10


def test_lanes_keep_the_order_of_each_partition_key() -> None:
    at_work, most = Counter[str](), Counter[str]()

    def act(numbers: list[int]) -> None:
        at_work["all"] += 1
        most["all"] = max(most["all"], at_work["all"])
        time.sleep(0.01)
        at_work["all"] -= 1

    calls = Calls(act)
    source = Memory({"s": made(60, keys=6)})
    run(source, calls, lambda: len(calls.seen) == 60, parallelization_factor=3)
    assert most["all"] > 1
    order = [batch[0] for batch in calls.batches]
    for key in range(6):
        own = [number for number in order if number % 6 == key]
        assert own == sorted(own)


def test_the_lowest_sequence_number_is_the_checkpoint() -> None:
    told: list[bool] = []

    def act(numbers: list[int]) -> Any:
        if 3 in numbers and not told:
            told.append(True)
            return failures(7, 3)
        return failures()

    calls = Calls(act)
    run(Memory({"s": made(10)}), calls, lambda: calls.seen[9] == 2, batch_size=10)
    assert calls.batches == [list(range(10)), list(range(3, 10))]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": None}, failures()])
def test_nothing_named_is_success(answer: Any) -> None:
    calls = Calls(lambda _: answer)
    assert run(Memory({"s": made(3)}), calls, lambda: len(calls.seen) == 3) == []
    assert set(calls.seen.values()) == {1}


@pytest.mark.parametrize("name", [None, "", "unknown"])
def test_a_wrong_name_fails_the_whole_batch(name: str | None) -> None:
    calls = Calls(lambda _: {"batchItemFailures": [{"itemIdentifier": name}]})
    source = Memory({"s": made(4)})
    dropped = run(source, calls, lambda: len(calls.batches) == 3, batch_size=4, retries=2)
    assert dropped == [0, 1, 2, 3]


def test_retries_end_and_the_shard_goes_on() -> None:
    calls = Calls(lambda numbers: failures(2) if 2 in numbers else None)
    dropped = run(Memory({"s": made(5)}), calls, lambda: calls.seen[4] == 1, retries=3)
    assert dropped == [2]
    assert calls.seen[2] == 4


def test_bisection_finds_the_record_that_kills() -> None:
    def act(numbers: list[int]) -> None:
        if 5 in numbers:
            raise MemoryError

    calls = Calls(act)
    source = Memory({"s": made(8)})
    dropped = run(source, calls, lambda: calls.seen[7] > 1, batch_size=8, retries=1, bisect=True)
    assert dropped == [5]


def test_old_records_are_given_up() -> None:
    old = Record("0" * 56, "k", b"", arrived=time.time() - 100)
    calls = Calls()
    source = Memory({"s": [old, *made(2, first=1)]})
    assert run(source, calls, lambda: len(calls.seen) == 2, age_s=50) == [0]


def test_children_wait_for_their_parents() -> None:
    gate = threading.Event()

    def act(numbers: list[int]) -> Any:
        return failures(*numbers) if numbers[0] < 20 and not gate.is_set() else None

    calls = Calls(act)
    source = Memory(
        {"parent": made(20), "child": made(20, first=100)},
        parents={"child": ("parent", "long gone")},
        closed={"parent"},
    )
    threading.Timer(0.3, gate.set).start()
    run(source, calls, lambda: len(calls.seen) == 40)
    order = [batch[0] for batch in calls.batches]
    assert order.index(100) > max(place for place, number in enumerate(order) if number < 20)


def test_the_consumer_loses_nothing_and_doubles_nothing_under_a_mapping(
    sqlite: Database, tmp_path: Path
) -> None:
    """A little of what test_reshard.py does at length, over a stream in memory."""
    source = Memory({"a": [], "b": [], "child": []}, {"child": ("a",)}, {"a"})
    numbers = itertools.count()

    class Shards:
        def put(self, queue: str | None, priority: Priority, batch_ids: Collection[int]) -> None:
            del queue, priority
            for batch_id in batch_ids:
                number = next(numbers)
                data = json.dumps({"frame_batch_id": batch_id}).encode()
                record = Record(f"{number:056d}", str(batch_id), data)
                source.records[("a", "b", "child")[number % 3]].append(record)

    chance = random.Random(7)  # noqa: S311 - repeatable, no secret
    with fake_gateway() as gateway:
        gateway.fails = lambda body, tries: (
            (400, "poison") if body["start"] == 30 else (503, "busy") if tries == 1 else None
        )
        world = make_world(sqlite, tmp_path, gateway.url)
        env = replace(world.env, stream=Shards())
        job_id = world.submit(
            write_video(tmp_path / "v.mp4", 60), job_parameters={"batch_frames": 1}
        )

        def consumer(event: dict[str, Any]) -> Any:
            answer = consume_records(env, event, Context())
            if chance.random() < 0.1:
                raise MemoryError  # it is done, and nobody hears of it
            return answer

        begun = steps.initialize_job(env, {"job_id": job_id, "execution": "x"}, 900)
        steps.submit_video(env, {"video_id": begun["video_ids"][0]})
        mapping = EventSourceMapping(
            source, consumer, batch_size=4, parallelization_factor=2, retries=5, bisect=True
        )
        with mapping:
            until = time.monotonic() + 60
            while steps.check_job(env, {"job_id": job_id})["next"] == "wait":
                assert time.monotonic() < until
                time.sleep(0.05)
    found = {b.frame_batch_start_number: b.frame_batch_status for b in world.batches(job_id)}
    assert found == {start: "failed" if start == 30 else "succeeded" for start in range(60)}
    assert len(gateway.calls) <= 2 * 60  # the first of each was told to come again
    assert len(list(env.objects.below(DEAD_RECORDS))) == 1
