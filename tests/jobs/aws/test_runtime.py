"""The functions as their image starts them: Lambda's runtime client, with the packages of the lock.

Lambda's side of it, the Runtime API, is a page of HTTP: "Using the Lambda runtime API for custom
runtimes" of the Lambda developer guide.
"""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from podium.jobs.aws import step_errors, steps
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import first_start
from podium.jobs.sql.database import Database
from tests.jobs.aws.lambdas import raw_record, record
from tests.jobs.aws.tools import ROOT, tool
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.job_world import World, make_world, zipped
from tests.support.videos import write_video

pytestmark = pytest.mark.slow
DOCKERFILE = (ROOT / "services" / "Dockerfile").read_text()


class RuntimeApi:
    """Hands events out, one after the other, and takes the answers."""

    def __init__(self) -> None:
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: queue.Queue[tuple[str, Any]] = queue.Queue()

    def __call__(self, event: dict[str, Any]) -> tuple[str, Any]:
        """``response`` or ``error``, and its document."""
        self.events.put(event)
        return self.answers.get(timeout=120)


@contextmanager
def function(command: str, state: Path, **variables: str) -> Iterator[RuntimeApi]:
    """A function as a process while the block runs."""
    python = tool("lambda/bin/python")
    api = RuntimeApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            event = api.events.get()
            data = json.dumps(event).encode()
            self.send_response(200)
            self.send_header(
                "Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
            )
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 60) * 1e3)))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x:1:function:f")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            api.answers.put((self.path.rpartition("/")[2], json.loads(body)))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONPATH": str(ROOT / "services"),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_REGION": "us-east-1",
        "PODIUM_JOBS_STATE": str(state),
        **variables,
    }
    entry = re.search(r'AS lambda\n.*?ENTRYPOINT \["python", (.*?)\]', DOCKERFILE, re.DOTALL)
    assert entry is not None
    with (state / "function.log").open("wb") as log:
        process = subprocess.Popen(
            [python, *json.loads(f"[{entry[1]}]"), command],
            env=environment, cwd=state, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield api
        finally:
            process.kill()
            process.wait()
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as fake:
        yield fake


@pytest.fixture
def world(sqlite: Database, tmp_path: Path, gateway: FakeGateway) -> World:
    return make_world(sqlite, tmp_path, gateway.url)


def test_the_consumer(world: World, gateway: FakeGateway, tmp_path: Path) -> None:
    job_id = world.submit(write_video(tmp_path / "v.mp4", 20))
    begun = steps.initialize_job(world.env, {"job_id": job_id, "execution": "x"}, 900)
    steps.submit_video(world.env, {"video_id": begun["video_ids"][0]})
    first, second = world.batches(job_id)
    with function("podium.jobs.aws.handlers.consumer", tmp_path) as call:
        records = [record(first.id, 1), raw_record(b"nonsense", 2)]
        assert call({"Records": records}) == ("response", {"batchItemFailures": []})
        gateway.fails = lambda body, _: (503, "draining")
        failures = [{"itemIdentifier": f"{3:056d}"}]
        assert call({"Records": [record(second.id, 3)]}) == (
            "response",
            {"batchItemFailures": failures},
        )
    states = [batch.frame_batch_status for batch in world.batches(job_id)]
    assert states == ["succeeded", "submitted"]


def test_what_a_step_raises_has_the_name_that_the_state_machine_knows(
    world: World, tmp_path: Path
) -> None:
    job_id = world.submit(zipped(tmp_path / "empty.zip", {}))
    with function("podium.jobs.aws.handlers.initializer", tmp_path) as call:
        kind, told = call({"job_id": job_id, "execution": "7"})
    assert (kind, told["errorType"]) == ("error", "StepRefused")
    failure = {"Error": told["errorType"], "Cause": json.dumps(told)}
    with function("podium.jobs.aws.handlers.give_up", tmp_path) as call:
        event = {"job_id": job_id, "step": "initialize", "failure": failure}
        assert call(event) == ("response", {"job_id": job_id, "state": "failed"})
    assert step_errors.read(failure, "initialize", 3).code == "unprocessable"
    assert world.job(job_id).error_message == "has no videos in it"


def test_the_migration_and_the_api(tmp_path: Path) -> None:
    with function("podium.jobs.aws.handlers.migrator", tmp_path) as call:
        kind, made = call({"pipelines": {"pose-3d": "3D key points"}})
        assert kind == "response"
        assert call({"pipelines": {"pose-3d": "3D key points"}}) == ("response", {})
    with function("podium.api.on_lambda.handler", tmp_path) as call:
        request = {"method": "GET", "path": "/v1/pipelines", "sourceIp": "1.2.3.4"}
        kind, answer = call(
            {
                "version": "2.0",
                "rawPath": "/v1/pipelines",
                "rawQueryString": "",
                "headers": {"x-api-key": made["secret"]},
                "requestContext": {"http": request, "stage": "$default"},
                "isBase64Encoded": False,
            }
        )
    assert (kind, answer["statusCode"]) == ("response", 200), answer
    [pipeline] = json.loads(answer["body"])["items"]
    assert pipeline["pipeline_name"] == "pose-3d"


def test_the_housekeeper(world: World, tmp_path: Path) -> None:
    assert world.env.database.write(SYSTEM, lambda s: first_start.prepare(s, {}, world.env.now()))
    with function("podium.jobs.aws.handlers.housekeeper", tmp_path) as call:
        assert call({}) == ("response", {"restarted": 0, "delivered": 0})
