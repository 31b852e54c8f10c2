"""Whatever is killed, every job ends once: api, controller, gateway and decode at any moment."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any, TypeVar

import pytest
import requests

from podium.local.service_process import ServiceProcess
from podium.local.stack import HOST, Stack
from podium.schemas.states import TERMINAL
from tests.support.api_world import Client
from tests.support.job_world import zipped
from tests.support.videos import write_video

T = TypeVar("T")

ROUNDS = int(os.environ.get("PODIUM_KILL_ROUNDS", "50"))
POINTS = 10
"""Shares of frame batches that have ended when the kills of a round begin: 0 to 100 %, in turn."""
VICTIMS = ("api", "jobs", "gateway", "decode")
_PATIENCE_S = 300.0


class Follower(threading.Thread):
    """Reads the events of a job as they come, and comes back where a stream breaks off."""

    def __init__(self, client: Client, job_id: int) -> None:
        super().__init__(daemon=True)
        self.ids: list[int] = []
        self.types: list[str] = []
        self.streams = 0
        self._client, self._path = client, f"/v1/jobs/{job_id}/events"

    def run(self) -> None:
        while not self.types or self.types[-1] != "job.succeeded":
            try:
                self._read()
            except (requests.RequestException, OSError):
                time.sleep(0.1)

    def _read(self) -> None:
        headers = {"accept": "text/event-stream"}
        if self.ids:
            headers["last-event-id"] = str(self.ids[-1])
        answer = requests.get(
            f"{self._client.url}{self._path}",
            headers={**headers, "x-api-key": self._client.secret},
            stream=True,
            timeout=30,
        )
        with answer:
            answer.raise_for_status()
            self.streams += 1
            event: dict[bytes, bytes] = {}
            for line in answer.iter_lines():
                name, _, content = line.partition(b": ")
                event[name] = content
                if not line and b"id" in event:  # it is whole: else it comes again
                    self.ids.append(int(event[b"id"]))
                    self.types.append(event[b"event"].decode())
                    event = {}


def patiently(ask: Callable[[], T]) -> T:
    """Ask until there is an answer."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except (requests.RequestException, AssertionError):
            assert time.monotonic() < until
            time.sleep(0.1)


@dataclass
class Campaign:
    """What was done and what came of it; ``print`` is the report."""

    kills: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By victim and the job's percentage from which on it was killed."""
    jobs: Counter[str] = field(default_factory=Counter)
    batches: Counter[str] = field(default_factory=Counter)
    ends_s: list[float] = field(default_factory=list)
    """From the last kill of a job to its end, the services' starts included."""

    streams: int = 0
    """How often events were asked for: again, where the api was killed meanwhile."""

    def add(self, job: dict[str, Any], follower: Follower, end_s: float) -> None:
        self.streams += follower.streams
        self.jobs[job["job_status"]] += 1
        self.batches.update(job["progress"]["frame_batches"])
        self.ends_s.append(end_s)

    def __str__(self) -> str:
        by_victim: Counter[str] = Counter()
        for (name, _), count in self.kills.items():
            by_victim[name] += count
        lines = [f"kills {dict(by_victim)}", f"jobs {dict(self.jobs)}"]
        lines += [f"batches {dict(self.batches)}"]
        lines += [f"ended within s: {max(self.ends_s):.1f}, mean {mean(self.ends_s):.1f}"]
        lines += [f"  {name} from {at} % on: {n}" for (name, at), n in sorted(self.kills.items())]
        return "\n".join(lines)


def kill_and_restart(stack: Stack, name: str) -> None:
    [(place, victim)] = [
        (n, process) for n, process in enumerate(stack.processes) if process.name == name
    ]
    victim.kill()
    victim.wait(10)
    stack.processes[place] = ServiceProcess(name, HOST, victim.port, stack.environment, None)


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The services' database: a file of SQLite, or MariaDB."""
    if request.param == "mariadb":
        url = request.getfixturevalue("mariadb_url")
        monkeypatch.setenv("PODIUM_JOBS_DATABASE_URL", url)


@pytest.mark.parametrize(
    ("database", "rounds"),
    [
        ("sqlite", 1),
        pytest.param("sqlite", ROUNDS, marks=pytest.mark.slow),
        pytest.param("mariadb", ROUNDS, marks=pytest.mark.slow),
    ],
    indirect=["database"],
)
@pytest.mark.usefixtures("database")
def test_every_job_ends_once_whatever_is_killed(
    model_repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rounds: int,
) -> None:
    monkeypatch.setenv("PODIUM_JOBS_LEASE_S", "5")
    campaign = Campaign()
    chance = random.Random(20261129)  # noqa: S311 - repeatable, no secret
    video = write_video(tmp_path / "v.mp4", 60).read_bytes()
    both = zipped(tmp_path / "two.zip", {"a.mp4": video, "b.mp4": video, "note.txt": b"note"})
    with Stack(models=model_repository, jobs=tmp_path / "state") as stack:
        assert stack.admin_key is not None
        client = Client(stack.urls["api"], stack.admin_key.secret)
        upload = client.upload(both)
        [pipeline] = [
            each["id"]
            for each in client.get("/v1/pipelines")["items"]
            if each["pipeline_name"] == "pose-2d"
        ]
        for round_ in range(rounds):
            body = {
                "input": {"upload_id": upload},
                "pipeline_id": pipeline,
                "job_parameters": {"batch_frames": 6},
            }

            def begin(body: Any = body, key: str = f"round {round_}") -> int:
                headers = {"idempotency-key": key}
                return int(client.post("/v1/jobs", body, 202, headers=headers)["id"])

            job_id = patiently(begin)
            follower = Follower(client, job_id)
            follower.start()
            point = round(100 * (round_ % POINTS) / (POINTS - 1))
            _wait_for(client, job_id, point)
            for name in chance.sample(VICTIMS, len(VICTIMS)):
                time.sleep(chance.uniform(0.0, 1.5))
                kill_and_restart(stack, name)
                campaign.kills[name, point] += 1
            began = time.monotonic()
            assert patiently(begin) == job_id  # sent again, done once
            until = time.monotonic() + _PATIENCE_S
            while True:
                job = patiently(partial(client.get, f"/v1/jobs/{job_id}"))
                if job["job_status"] in TERMINAL:
                    break
                assert time.monotonic() < until, job
                time.sleep(0.2)
            _check(client, job, follower)
            campaign.add(job, follower, time.monotonic() - began)
            print(f"round {round_}: ended {campaign.ends_s[-1]:.1f} s after the last kill")
    print(campaign)
    if rounds > 1:  # in one, the api may have been killed before or after it was read
        assert campaign.streams > rounds


def _wait_for(client: Client, job_id: int, percent: int) -> None:
    """Wait until this share of the frame batches of a job has ended."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        job = patiently(partial(client.get, f"/v1/jobs/{job_id}"))
        if job["progress"]["percent"] >= percent or job["job_status"] in TERMINAL:
            return
        assert time.monotonic() < until, job
        time.sleep(0.02)


def _check(client: Client, job: dict[str, Any], follower: Follower) -> None:
    """Nothing is lost, nothing is doubled."""
    assert job["job_status"] == "succeeded", job["error"]
    assert job["progress"]["frame_batches"] == {"total": 20, "succeeded": 20, "failed": 0}
    results = client.get(f"/v1/jobs/{job['id']}/results")
    for video in results["videos"]:
        names = Counter(file["name"] for file in video["files"])
        assert set(names.values()) == {1}
        [whole] = [file for file in video["files"] if file["name"] == "results.json"]
        merged = json.loads(requests.get(whole["url"], timeout=30).content)
        indices = [frame["index"] for batch in merged for frame in batch["frames"]]
        assert indices == list(range(60))
    follower.join(60)
    assert not follower.is_alive()
    assert follower.ids == sorted(set(follower.ids))
    told = client.get(f"/v1/jobs/{job['id']}/events?limit=1000")["items"]
    assert [event["id"] for event in told] == follower.ids
    counts = Counter(follower.types)
    assert counts["job.started"] == counts["job.succeeded"] == 1
    assert counts["video.succeeded"] == 2
