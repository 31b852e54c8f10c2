"""The consumer as a package that another process unpacks and calls: MiniStack in Lambda's place.

Its mapping ignores ``batchItemFailures``, so nothing is asked of retries here.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sysconfig
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from podium.jobs.aws import steps
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema import migrate
from tests.jobs.aws.lambdas import raw_record, record
from tests.jobs.aws.state_machine import REGION
from tests.jobs.aws.tools import ROOT, tool
from tests.support.fake_gateway import fake_gateway
from tests.support.job_world import World, make_world
from tests.support.videos import write_video

pytestmark = pytest.mark.slow


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LAMBDA_EXECUTOR": "local"}
    with (tmp_path / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [tool("ministack/bin/ministack")],
            env={**os.environ, **settings, "PYTHONPATH": ""},
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
        try:
            until = time.monotonic() + 60
            with socket.socket() as probe:
                while probe.connect_ex(("127.0.0.1", port)):
                    assert time.monotonic() < until, (tmp_path / "ministack.log").read_text()
                    time.sleep(0.1)
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
            yield
        finally:
            process.terminate()
            process.wait(20)


def package() -> bytes:
    """Podium's own code, as it goes into the image."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in sorted((ROOT / "services" / "podium").rglob("*.py")):
            archive.write(path, path.relative_to(ROOT / "services"))
    return data.getvalue()


def test_the_packaged_consumer_works_on_records(emulator: None, tmp_path: Path) -> None:
    del emulator
    state = tmp_path / "state"
    with fake_gateway() as gateway:
        state.mkdir()
        database = Database.in_file(state / "podium.db")
        migrate.upgrade(database)
        world: World = make_world(database, state, gateway.url)
        job_id = world.submit(write_video(tmp_path / "v.mp4", 20))
        begun = steps.initialize_job(world.env, {"job_id": job_id, "execution": "x"}, 900)
        steps.submit_video(world.env, {"video_id": begun["video_ids"][0]})
        variables = {
            "PODIUM_JOBS_STATE": str(state),
            "PODIUM_JOBS_GATEWAY_URL": gateway.url,
            "PYTHONPATH": sysconfig.get_paths()["purelib"],
        }
        client = boto3.client("lambda", REGION)
        client.create_function(
            FunctionName="consumer",
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/consumer",
            Handler="podium.jobs.aws.handlers.consumer",
            Code={"ZipFile": package()},
            Timeout=60,
            Environment={"Variables": variables},
        )
        first, second = world.batches(job_id)
        records = [record(first.id, 1), raw_record(b"nonsense", 2), record(second.id, 3)]
        answer: dict[str, Any] = client.invoke(
            FunctionName="consumer", Payload=json.dumps({"Records": records})
        )
        told = json.loads(answer["Payload"].read())
        assert told == {"batchItemFailures": []}, (tmp_path / "ministack.log").read_text()[-3000:]
        assert sorted(call["start"] for call in gateway.calls) == [0, 10]

        gateway.fails = lambda body, _: (503, "draining")
        third = world.submit(write_video(tmp_path / "w.mp4", 10))
        begun = steps.initialize_job(world.env, {"job_id": third, "execution": "x"}, 900)
        steps.submit_video(world.env, {"video_id": begun["video_ids"][0]})
        [waiting] = world.batches(third)
        answer = client.invoke(
            FunctionName="consumer",
            Payload=json.dumps({"Records": [record(waiting.id, 4)]}),
        )
        [item] = json.loads(answer["Payload"].read())["batchItemFailures"]
        assert item == {"itemIdentifier": f"{4:056d}"}
        states = [batch.frame_batch_status for batch in world.batches(job_id)]
        assert states == ["succeeded", "succeeded"]
        database.close()
