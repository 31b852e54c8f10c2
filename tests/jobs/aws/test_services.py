"""What Podium says to AWS: records, executions, the log, secrets; against moto."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from podium.errors import SetupError, Unavailable
from podium.jobs.aws.consumer import DEAD_RECORDS
from podium.jobs.aws.firehose_log import FirehoseLog
from podium.jobs.aws.housekeeper import keep_house
from podium.jobs.aws.kinesis_stream import KinesisStream
from podium.jobs.aws.secret_values import SecretValues
from podium.jobs.aws.step_functions import StepFunctions
from podium.jobs.observing.oplog import action
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql.database import Database
from podium.schemas.states import PRIORITIES
from tests.jobs.aws.state_machine import REGION, Context, definition
from tests.support.job_world import make_world
from tests.support.videos import write_video


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def aws(emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    boto3.client("s3", REGION)  # loads what boto3 loads once


@pytest.fixture(scope="module")
def streams(emulator: str) -> dict[str, Any]:
    options = {"endpoint_url": emulator, "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = boto3.client("kinesis", REGION, **options)
    for priority in PRIORITIES:
        client.create_stream(StreamName=f"podium-{priority}", ShardCount=2)
    return {"client": client}


def records(client: Any, name: str) -> list[dict[str, Any]]:
    found = []
    for shard in client.list_shards(StreamName=name)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += client.get_records(ShardIterator=iterator)["Records"]
    return found


def test_each_class_has_its_stream(streams: dict[str, Any]) -> None:
    stream, client = KinesisStream("podium", REGION), streams["client"]
    stream.put(None, "priority", range(1200))
    told = [
        json.loads(each["Data"])["frame_batch_id"] for each in records(client, "podium-priority")
    ]
    assert sorted(told) == list(range(1200))
    assert records(client, "podium-standard") == []

    arn = client.describe_stream(StreamName="podium-high-priority")["StreamDescription"][
        "StreamARN"
    ]
    stream.put(arn, "standard", [7])  # the stream that a project names
    assert len(records(client, "podium-high-priority")) == 1


@dataclass
class Throttled:
    """Takes every other record of a request."""

    taken: Counter[bytes] = field(default_factory=Counter)
    room: bool = True

    def put_records(self, *, Records: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        outcomes: list[dict[str, str]] = []
        for number, record in enumerate(Records):
            if self.room and number % 2 == 0:
                self.taken[record["Data"]] += 1
                outcomes.append({"SequenceNumber": "1", "ShardId": "x"})
            else:
                outcomes.append({"ErrorCode": "ProvisionedThroughputExceededException"})
        return {"Records": outcomes}


def test_only_what_was_not_taken_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.jobs.aws.kinesis_stream._FIRST_PAUSE_S", 0.001)
    stream, throttled = KinesisStream("podium", REGION), Throttled()
    stream._client = throttled
    stream.put(None, "standard", range(100))
    assert len(throttled.taken) == 100
    assert set(throttled.taken.values()) == {1}
    throttled.room = False
    with pytest.raises(Unavailable, match="no room for 3 records"):
        stream.put(None, "standard", range(3))


def test_a_stream_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        KinesisStream("nobody", REGION).put(None, "standard", [1])


@pytest.fixture(scope="module")
def machine(emulator: str) -> tuple[Any, str]:
    options = {"endpoint_url": emulator, "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = boto3.client("stepfunctions", REGION, **options)
    made = client.create_state_machine(
        name="job", definition=definition(hurry=False), roleArn="arn:aws:iam::123456789012:role/x"
    )
    return client, made["stateMachineArn"]


def test_an_execution_is_named_after_its_job(machine: tuple[Any, str]) -> None:
    client, arn = machine
    workflow = StepFunctions(arn, REGION)
    workflow.start(17)
    workflow.start(17)
    workflow.start(17, again=datetime(2026, 11, 29, 8, 20, 5, tzinfo=UTC))
    told = client.list_executions(stateMachineArn=arn)["executions"]
    assert sorted(each["name"] for each in told) == ["17", "17-20261129T082005000000"]
    with pytest.raises(Unavailable, match="StateMachineDoesNotExist"):
        StepFunctions(f"{arn}-not", REGION).start(1)


def test_lost_jobs_are_started_again(
    machine: tuple[Any, str], sqlite: Database, tmp_path: Path
) -> None:
    client, arn = machine
    world = make_world(sqlite, tmp_path, "http://127.0.0.1:1")
    job_id = world.submit(write_video(tmp_path / "v.mp4", 3))
    env = replace(world.env, workflow=StepFunctions(arn, REGION))
    assert keep_house(env, Context())["restarted"] == 0  # its own start may still come
    soon = env.now() + timedelta(minutes=2)
    env = replace(env, now=lambda: soon)
    assert keep_house(env, Context())["restarted"] == 1
    assert keep_house(env, Context())["restarted"] == 0
    names = [e["name"] for e in client.list_executions(stateMachineArn=arn)["executions"]]
    assert sum(name.startswith(f"{job_id}-") for name in names) == 1


def test_the_operational_log_is_the_same_through_firehose(emulator: str, tmp_path: Path) -> None:
    s3 = boto3.client("s3", REGION)
    s3.create_bucket(Bucket="logs")
    boto3.client("firehose", REGION).create_delivery_stream(
        DeliveryStreamName="operations",
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::123456789012:role/x", "BucketARN": "arn:aws:s3:::logs",
        },
    )  # fmt: skip
    log = FirehoseLog("operations", REGION)
    with action(log, "consume", frame_batch_id=7) as outcome:
        outcome["result"] = "done"
    [found] = s3.list_objects_v2(Bucket="logs")["Contents"]
    data = s3.get_object(Bucket="logs", Key=found["Key"])["Body"].read()
    told = json.loads(data)
    assert data.endswith(b"\n")
    assert (told["action"], told["frame_batch_id"]) == ("consume", 7)
    assert told["outcome"] == {"result": "done"}
    with action(FirehoseLog("nobody", REGION), "consume"):
        pass  # a log that does not answer stops nothing


def test_secrets_are_read_when_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = boto3.client("secretsmanager", REGION)
    secrets.create_secret(Name="db", SecretString='{"username": "podium", "password": "a"}')
    secrets.create_secret(Name="gateway", SecretString="gateway-key")
    values = SecretValues(REGION)
    assert values.credentials("db") == ("podium", "a")
    secrets.put_secret_value(SecretId="db", SecretString='{"username": "podium", "password": "b"}')
    assert values.credentials("db") == ("podium", "b")
    with pytest.raises(SetupError, match="has no username and password"):
        values.credentials("gateway")
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        values.text("none")

    for name, value in {
        "STATE": tmp_path, "DATABASE_URL": "mysql+pymysql://127.0.0.1:1/podium",
        "DATABASE_SECRET": "db", "GATEWAY_KEY_SECRET": "gateway", "STREAMS": "podium",
        "STATE_MACHINE": "arn:aws:states:us-east-1:123456789012:stateMachine:job",
        "DELIVERY_STREAM": "operations", "S3_BUCKET": "podium",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"PODIUM_JOBS_{name}", str(value))
    env = open_environment(JobsSettings())
    kinds = (type(env.stream), type(env.workflow), type(env.log))
    assert kinds == (KinesisStream, StepFunctions, FirehoseLog)
    assert env.tiers._headers["x-api-key"] == "gateway-key"  # type: ignore[attr-defined]
    assert env.objects.address(f"{DEAD_RECORDS}/x").startswith("s3://podium/")
    assert list(tmp_path.iterdir()) == []


def test_new_connections_sign_in_with_the_secret_of_now(mariadb_url: str) -> None:
    password = iter(["wrong", ""])
    database = Database(mariadb_url.replace("root@", ""), lambda: ("root", next(password)))
    with pytest.raises(Unavailable):
        database.check()
    database.check()
    database.close()


def test_a_job_that_is_made_waits_for_housekeeping_where_the_workflow_does_not_answer(
    sqlite: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = make_world(sqlite, tmp_path, None).env
    env.start(1)  # controllers look for themselves
    missing = "arn:aws:states:us-east-1:123456789012:stateMachine:none"
    replace(env, workflow=StepFunctions(missing, REGION)).start(1)
    assert "job 1 waits for housekeeping" in caplog.text
