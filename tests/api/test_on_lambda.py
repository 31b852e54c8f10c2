"""The api behind events of API Gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from podium.api import on_lambda
from podium.jobs.aws import steps
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import first_start
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema import migrate
from tests.support.job_world import make_world
from tests.support.videos import write_video

PIPELINES = {"pose-3d": "3D key points"}


@pytest.fixture
def loop() -> Iterator[None]:
    """The event loop of this thread; without one the adapter makes one that nobody closes."""
    with closing(asyncio.new_event_loop()) as made:
        asyncio.set_event_loop(made)
        yield
        asyncio.set_event_loop(None)


@pytest.fixture
def key(loop: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The key of the administrator of an api that is set up by variables."""
    monkeypatch.setenv("PODIUM_JOBS_STATE", str(tmp_path))
    database = Database.in_file(tmp_path / "podium.db")
    migrate.upgrade(database)
    made = database.write(SYSTEM, lambda s: first_start.prepare(s, PIPELINES, datetime.now(UTC)))
    database.close()
    assert made is not None
    on_lambda.adapter.cache_clear()
    yield made.secret
    on_lambda.adapter.cache_clear()


def ask(
    method: str, path: str, key: str = "", body: Any = None, query: str = "", **more: str
) -> Any:
    """An event of an HTTP API with payload 2.0, and what the function answers."""
    headers = {"x-api-key": key, "content-type": "application/json", "host": "api.example"} | more
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "1.2.3.4"},
            "stage": "$default",
            "requestId": "x",
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
    return on_lambda.handler(event, None)


def test_requests_are_answered_as_over_http(key: str) -> None:
    listed = ask("GET", "/v1/pipelines", key)
    assert listed["statusCode"] == 200
    [pipeline] = json.loads(listed["body"])["items"]
    assert pipeline["pipeline_name"] == "pose-3d"

    made = ask("POST", "/v1/uploads", key, {"upload_name": "v.mp4", "size_bytes": 7})
    assert made["statusCode"] == 201
    assert json.loads(made["body"])["upload_status"] == "pending"

    again = ask("GET", "/v1/jobs", key, query="status=failed&status=queued&limit=5")
    assert json.loads(again["body"])["items"] == []


def test_problems_stay_problems(key: str) -> None:
    refused = ask("GET", "/v1/jobs", "podium_wrong")
    assert refused["statusCode"] == 401
    assert refused["headers"]["content-type"] == "application/problem+json"
    assert ask("GET", "/v1/jobs/7", key)["statusCode"] == 404
    wrong = ask("POST", "/v1/jobs", key, {"pipeline_id": "x"})
    assert wrong["statusCode"] == 422


def test_who_asks_for_a_stream_of_events_gets_a_page(key: str, tmp_path: Path) -> None:
    database = Database.in_file(tmp_path / "podium.db")
    world = make_world(database, tmp_path / "world", None)
    job_id = world.submit(write_video(tmp_path / "v.mp4", 3))
    steps.initialize_job(world.env, {"job_id": job_id, "execution": "x"}, 60)
    database.close()
    told = ask("GET", f"/v1/jobs/{job_id}/events", key, accept="text/event-stream")
    assert (told["statusCode"], told["headers"]["content-type"]) == (200, "application/json")
    assert [event["type"] for event in json.loads(told["body"])["items"]] == ["job.started"]
