"""2,000 frame batches over a stream that is split and merged, while gateways are killed."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from podium.jobs.aws import steps
from podium.jobs.aws.consumer import DEAD_RECORDS, consume_records
from podium.jobs.aws.kinesis_stream import KinesisStream
from podium.jobs.sql.database import Database
from tests.jobs.aws.event_source_mapping import EventSourceMapping, Record, Shard
from tests.jobs.aws.replica import is_poison
from tests.jobs.aws.replicas import killed_replicas
from tests.jobs.aws.state_machine import REGION, Context
from tests.jobs.aws.tools import tool
from tests.support.job_world import make_world
from tests.support.videos import write_video

RECORDS = 2000
BATCHES = 500
"""Of each of four jobs."""

GARBAGE = 5
DEADLY = 80
"""One call of the consumer in so many dies before its work, and one after it."""

STREAM = "podium-standard"


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A client of a mock of Kinesis."""
    folder = tool("kinesis/node_modules/kinesis-local")
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    plain, tls = _free_port(), _free_port()
    settings = {"KINESIS_MOCK_PLAIN_PORT": plain, "KINESIS_MOCK_TLS_PORT": tls, "SHARD_LIMIT": 50}
    variables = os.environ | {name: str(value) for name, value in settings.items()}
    with (tmp_path / "kinesis.log").open("wb") as log:
        mock = subprocess.Popen(
            [node, "main.js"], cwd=folder, env=variables, stdout=log, stderr=log
        )
        try:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{plain}")
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
            until = time.monotonic() + 60
            while not _listens(plain):
                assert time.monotonic() < until, (tmp_path / "kinesis.log").read_text()[-2000:]
                time.sleep(0.1)
            client = boto3.client("kinesis", REGION)
            client.create_stream(StreamName=STREAM, ShardCount=2)
            _wait_until_active(client)
            yield client
        finally:
            mock.kill()
            mock.wait()


@dataclass
class Stream:
    """The stream as the mapping sees it."""

    client: Any
    arn: str = f"arn:aws:kinesis:{REGION}:000000000000:stream/{STREAM}"

    def shards(self) -> Sequence[Shard]:
        listed = self.client.list_shards(StreamName=STREAM)["Shards"]
        parents = ("ParentShardId", "AdjacentParentShardId")
        return [Shard(s["ShardId"], tuple(s[p] for p in parents if p in s)) for s in listed]

    def read(self, shard: str, position: Any) -> tuple[list[Record], Any]:
        if position is None:
            position = self.client.get_shard_iterator(
                StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        answer = self.client.get_records(ShardIterator=position, Limit=100)
        found = [
            Record(r["SequenceNumber"], r["PartitionKey"], r["Data"]) for r in answer["Records"]
        ]
        return found, answer.get("NextShardIterator")


@pytest.mark.slow
def test_nothing_is_lost_nothing_doubled_and_poison_is_isolated(
    sqlite: Database, tmp_path: Path, kinesis: Any
) -> None:
    calls = itertools.count(1)
    events: Counter[str] = Counter()
    shards: Counter[str] = Counter()
    dropped: list[dict[str, Any]] = []
    with killed_replicas(3, delay_s=0.02, every_s=3.0) as replicas:
        world = make_world(sqlite, tmp_path, replicas.url)
        timing = replace(world.env.timing, silent_s=20.0)
        env = replace(world.env, stream=KinesisStream("podium", REGION), timing=timing)
        video = write_video(tmp_path / "long.mp4", BATCHES)

        def consumer(event: dict[str, Any]) -> dict[str, Any]:
            shards.update(record["eventID"].partition(":")[0] for record in event["Records"])
            number = next(calls)
            if number % DEADLY == DEADLY // 2:
                events["died before"] += 1
                raise MemoryError
            answer = consume_records(env, event, Context())
            if number % DEADLY == 0:
                events["died after"] += 1
                raise MemoryError  # it is done, and nobody hears of it
            return answer

        def submit() -> int:
            job_id = world.submit(video, job_parameters={"batch_frames": 1})
            begun = steps.initialize_job(env, {"job_id": job_id, "execution": "x"}, 900)
            [video_id] = begun["video_ids"]
            assert steps.submit_video(env, {"video_id": video_id}) == {"batches": BATCHES}
            return job_id

        def wait(job_id: int, share: float) -> None:
            until = time.monotonic() + 200
            while (told := steps.check_job(env, {"job_id": job_id}))["next"] == "wait":
                found = Counter(batch.frame_batch_status for batch in world.batches(job_id))
                if found["succeeded"] >= share * BATCHES:
                    break
                assert time.monotonic() < until, (found, told)
                time.sleep(0.3)

        mapping = EventSourceMapping(
            Stream(kinesis),
            consumer,
            batch_size=5,
            parallelization_factor=2,
            retries=5,
            bisect=True,
            give_up=dropped.extend,
        )
        with mapping:
            for number in range(GARBAGE):
                kinesis.put_record(StreamName=STREAM, Data=b"no record", PartitionKey=str(number))
            jobs = [submit()]
            for change in (_split, _merge, _split):
                wait(jobs[-1], 0.5)  # the shards that are closed have records left
                change(kinesis)
                _wait_until_active(kinesis)
                jobs.append(submit())
            for job_id in jobs:
                wait(job_id, 2.0)
        for job_id in jobs:
            told = steps.collect_job(env, {"job_id": job_id, "execution": "x"}, 900)
            assert told["state"] == "partially_succeeded"

    poison = [start for start in range(BATCHES) if is_poison(start)]
    for job_id in jobs:
        found = {b.frame_batch_start_number: b.frame_batch_status for b in world.batches(job_id)}
        assert found == {
            start: "failed" if start in poison else "succeeded" for start in range(BATCHES)
        }
        [done] = world.videos(job_id)
        assert [part["start"] for part in done.missing] == poison
    ends = _ends(tmp_path / "log")
    assert len(ends) == len(jobs) * BATCHES == RECORDS
    assert set(ends.values()) == {1}, "a frame batch has ended twice"
    assert len(list(env.objects.below(DEAD_RECORDS))) == len(jobs) * len(poison) + GARBAGE
    closed = {shard.id for shard in Stream(kinesis).shards()} - {
        shard["ShardId"] for shard in _open(kinesis)
    }
    assert len(closed) == 4
    assert len(shards) >= 6, "children of closed shards had records, too"
    assert min(replicas.kills, events["died before"], events["died after"]) >= 3
    print(f"{replicas.kills} kills, {dict(events)}, {len(dropped)} given up, {dict(shards)}")


def _split(client: Any) -> None:
    shard = _open(client)[0]
    low, high = (int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
    middle = str((low + high) // 2)
    client.split_shard(StreamName=STREAM, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle)


def _merge(client: Any) -> None:
    first, second = _open(client)[-2:]
    client.merge_shards(
        StreamName=STREAM, ShardToMerge=first["ShardId"], AdjacentShardToMerge=second["ShardId"]
    )


def _open(client: Any) -> list[dict[str, Any]]:
    """Shards that take records, in the order of their keys."""
    shards = [
        shard
        for shard in client.list_shards(StreamName=STREAM)["Shards"]
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    ]
    return sorted(shards, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))


def _wait_until_active(client: Any) -> None:
    until = time.monotonic() + 30
    while (
        client.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"][
            "StreamStatus"
        ]
        != "ACTIVE"
    ):
        assert time.monotonic() < until
        time.sleep(0.1)


def _ends(log: Path) -> Counter[int]:
    """How often each frame batch came to an end, by the operational log."""
    lines = [line for path in log.glob("*.jsonl") for line in path.read_text().splitlines()]
    records = [json.loads(line) for line in lines]
    return Counter(
        record["frame_batch_id"]
        for record in records
        if record["action"] == "consume" and record["outcome"].get("result") in ("done", "dead")
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
