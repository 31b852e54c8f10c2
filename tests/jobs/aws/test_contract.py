"""One contract for whoever calls the steps: the controller, or the state machine of AWS.

Each scenario says what is to come of it; all callers have to come to that.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import av
import boto3
import pytest

from podium.jobs.environment import Environment
from podium.jobs.sql import submission
from podium.jobs.sql.database import Database
from tests.jobs.aws import lambdas
from tests.jobs.aws.state_machine import REGION, LambdaClient, ended, state_machine
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.job_world import WHERE_WORKERS_DIE, World, make_world, zipped
from tests.support.videos import write_video
from tests.support.waiting import blocking_until


class Caller(Protocol):
    """What has the steps called."""

    def run(
        self,
        world: World,
        job_id: int,
        *,
        during: Callable[[], None] = ...,
        twice: bool = ...,
        deaths: bool = ...,
    ) -> None:
        """Bring a job to its end.

        Args:
            world: Where.
            job_id: Of the job.
            during: Called when it has begun.
            twice: Start it two times.
            deaths: Let what calls die.
        """


class ByController:
    def run(
        self,
        world: World,
        job_id: int,
        *,
        during: Callable[[], None] = lambda: None,
        twice: bool = False,
        deaths: bool = False,
    ) -> None:
        if deaths:
            world = world.with_timing(lease_s=WHERE_WORKERS_DIE.lease_s)
        with world.controller(workers=2, **({"steps": 1} if deaths else {})) as first:
            if deaths:  # it holds a lease and says nothing more
                time.sleep(0.3)
                first._heartbeat = lambda: None  # type: ignore[method-assign]
            with world.controller(workers=2) if twice or deaths else _nothing():
                during()
                world.wait(job_id)


class ByStateMachine:
    def run(
        self,
        world: World,
        job_id: int,
        *,
        during: Callable[[], None] = lambda: None,
        twice: bool = False,
        deaths: bool = False,
    ) -> None:
        stream = lambdas.Stream()
        env = replace(world.env, stream=stream)
        lose = ("Initializer", "Submitter", "Collector") if deaths else ()
        client = LambdaClient(lambdas.handlers(env, lose))
        died: set[str] = set()

        def crash(record: dict[str, Any]) -> bool:
            fresh = deaths and record["eventID"] not in died
            died.add(record["eventID"])
            return fresh

        with lambdas.consumers(env, stream, 2, crash), state_machine(client) as arn:
            names = [str(job_id), f"{job_id}-again"] if twice else [str(job_id)]
            for name in [names[0], *names]:
                boto3.client("stepfunctions", REGION).start_execution(
                    stateMachineArn=arn, name=name, input=json.dumps({"job_id": job_id})
                )
            during()
            statuses = {ended(arn, name)["status"] for name in names}
        failed = world.job(job_id).job_status == "failed"
        assert "FAILED" in statuses if failed else statuses == {"SUCCEEDED"}


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@dataclass
class Broken:
    """An object store that breaks when an upload is opened, a number of times."""

    inner: Any
    times: int
    opened: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def local(self, address: str) -> Any:
        with self.lock:
            self.opened += 1
            if self.opened <= self.times:
                raise OSError("disk on fire")
        return self.inner.local(address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


CALLERS = {"controller": ByController(), "state-machine": ByStateMachine()}


# What the controller does on MariaDB is tested by its own tests, too.
ON_MARIADB = pytest.param("controller-mariadb", marks=pytest.mark.slow)


@pytest.fixture(params=["controller-sqlite", ON_MARIADB, "state-machine-sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Caller, Database]]:
    """Who calls, and a database."""
    from podium.jobs.sql.schema import migrate

    caller, _, kind = request.param.rpartition("-")
    if kind == "sqlite":
        database = Database.in_file(tmp_path / "podium.db")
    else:
        database = Database(request.getfixturevalue("mariadb_url"))
    migrate.upgrade(database)
    yield CALLERS[caller], database
    database.close()


@pytest.fixture
def caller(place: tuple[Caller, Database]) -> Caller:
    return place[0]


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as fake:
        yield fake


@pytest.fixture
def world(place: tuple[Caller, Database], tmp_path: Path, gateway: FakeGateway) -> World:
    return make_world(place[1], tmp_path, gateway.url)


@pytest.fixture(scope="module")
def sprint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("clips") / "sprint.mp4", 25).read_bytes()


def submit(world: World, files: dict[str, bytes]) -> int:
    folder = world.env.log._folder  # type: ignore[attr-defined]
    return world.submit(zipped(folder.parent / "videos.zip", files))


def steps(world: World) -> Counter[str]:
    """How often each step was taken; a look at a job is no step of it."""
    folder = world.env.log._folder  # type: ignore[attr-defined]
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    names = [json.loads(line)["action"] for line in lines]
    return Counter(name for name in names if name in ("initialize", "submit", "consume", "collect"))


def states(world: World, job_id: int) -> list[str]:
    """The states that a job went through, in their order."""
    return list(world.job(job_id).state_times)


ALL_STATES = ["queued", "initializing", "submitting", "processing", "collecting"]


def test_happy(world: World, caller: Caller, gateway: FakeGateway, sprint: bytes) -> None:
    job_id = submit(world, {"a.mp4": sprint})
    caller.run(world, job_id)
    assert states(world, job_id) == [*ALL_STATES, "succeeded"]
    assert world.job(job_id).error_code is None
    assert sorted(call["start"] for call in gateway.calls) == [0, 10, 20]
    assert steps(world) == {"initialize": 1, "submit": 1, "consume": 3, "collect": 1}
    assert len(gateway.postprocessed) == 1


def test_two_videos(world: World, caller: Caller, gateway: FakeGateway, sprint: bytes) -> None:
    job_id = submit(world, {"a.mp4": sprint, "b.mp4": sprint, "notes.txt": b"wind +1.2"})
    caller.run(world, job_id)
    assert states(world, job_id) == [*ALL_STATES, "succeeded"]
    assert [video.video_status for video in world.videos(job_id)] == ["succeeded"] * 2
    assert sorted(call["start"] for call in gateway.calls) == [0, 0, 10, 10, 20, 20]
    assert steps(world) == {"initialize": 1, "submit": 2, "consume": 6, "collect": 1}
    assert [other["name"] for other in world.job(job_id).other_files] == ["notes.txt"]


def test_one_bad_video(world: World, caller: Caller, gateway: FakeGateway, sprint: bytes) -> None:
    job_id = submit(world, {"a.mp4": sprint, "b.mp4": b"this is no video"})
    caller.run(world, job_id)
    assert states(world, job_id) == [*ALL_STATES, "partially_succeeded"]
    job = world.job(job_id)
    assert job.error_code == "incomplete"
    assert (job.error_message or "").startswith("1 of 2 videos lack results: b.mp4: ")
    good, bad = world.videos(job_id)
    assert (good.video_status, bad.video_status) == ("succeeded", "failed")
    assert (bad.error_code, bad.error_retryable) == ("unsupported_media", False)
    assert len(gateway.calls) == 3


def test_bad_zip(world: World, caller: Caller, gateway: FakeGateway, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 200)
    job_id = world.submit(path)
    caller.run(world, job_id)
    assert states(world, job_id) == ["queued", "initializing", "failed"]
    assert world.job(job_id).error_code == "invalid_input"
    assert "is a damaged ZIP archive" in (world.job(job_id).error_message or "")
    assert (steps(world), gateway.calls) == ({"initialize": 1}, [])


def test_empty_zip(world: World, caller: Caller, gateway: FakeGateway) -> None:
    job_id = submit(world, {})
    caller.run(world, job_id)
    job = world.job(job_id)
    assert states(world, job_id) == ["queued", "initializing", "failed"]
    assert (job.error_code, job.error_message) == ("unprocessable", "has no videos in it")
    assert (steps(world), gateway.calls) == ({"initialize": 1}, [])


def test_a_step_fails_twice(world: World, caller: Caller, sprint: bytes) -> None:
    broken = Broken(world.env.objects, times=2)
    job_id = submit(world, {"a.mp4": sprint})
    caller.run(_with(world, objects=broken), job_id)
    assert states(world, job_id) == [*ALL_STATES, "succeeded"]
    assert steps(world) == {"initialize": 3, "submit": 1, "consume": 3, "collect": 1}
    assert world.job(job_id).error_code is None


def test_exhausted_retries(world: World, caller: Caller, sprint: bytes) -> None:
    broken = Broken(world.env.objects, times=100)
    job_id = submit(world, {"a.mp4": sprint})
    caller.run(_with(world, objects=broken), job_id)
    assert states(world, job_id) == ["queued", "initializing", "failed"]
    assert (world.job(job_id).error_code, world.job(job_id).error_retryable) == ("internal", True)
    assert steps(world) == {"initialize": world.env.timing.steps["initialize"].tries}


def test_cancel(world: World, caller: Caller, gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.delay_s = 0.3
    job_id = world.submit(write_video(tmp_path / "long.mp4", 300))

    def cancel() -> None:
        blocking_until(lambda: len(gateway.calls) >= 3)
        world.env.database.write(
            world.principal, lambda s: submission.cancel(s, job_id, world.env.now())
        )

    caller.run(world, job_id, during=cancel)
    assert states(world, job_id)[-2:] == ["canceling", "canceled"]
    found = Counter(batch.frame_batch_status for batch in world.batches(job_id))
    assert set(found) == {"succeeded", "canceled"}
    assert gateway.postprocessed == []
    [told] = world.manifest(job_id)["videos"]
    [whole] = [file for file in told["files"] if file["name"] == "results.json"]
    merged = json.loads(b"".join(world.env.objects.read(whole["path"])))
    assert len(merged) == found["succeeded"]


def test_what_calls_dies(world: World, caller: Caller, gateway: FakeGateway, sprint: bytes) -> None:
    gateway.delay_s = 0.1
    job_id = submit(world, {"a.mp4": sprint, "b.mp4": sprint})
    caller.run(world, job_id, deaths=True)
    assert states(world, job_id) == [*ALL_STATES, "succeeded"]
    assert len(world.batches(job_id)) == 6
    for told in world.manifest(job_id)["videos"]:
        [whole] = [file for file in told["files"] if file["name"] == "results.json"]
        merged = json.loads(b"".join(world.env.objects.read(whole["path"])))
        assert [f["index"] for batch in merged for f in batch["frames"]] == list(range(25))


def test_duplicate_start(world: World, caller: Caller, gateway: FakeGateway, sprint: bytes) -> None:
    job_id = submit(world, {"a.mp4": sprint, "b.mp4": sprint})
    caller.run(world, job_id, twice=True)
    assert states(world, job_id) == [*ALL_STATES, "succeeded"]
    assert len(gateway.calls) == 6
    assert set(gateway.tries.values()) == {1}
    assert len(gateway.postprocessed) == 2


def test_collect_fails(world: World, caller: Caller, gateway: FakeGateway, sprint: bytes) -> None:
    gateway.fails = lambda body, _: (502, "no disk") if "results_uri" in body else None
    job_id = submit(world, {"a.mp4": sprint})
    caller.run(world, job_id)
    assert states(world, job_id) == [*ALL_STATES, "partially_succeeded"]
    [video] = world.videos(job_id)
    assert (video.video_status, video.error_code) == ("partially_succeeded", "stage_failed")
    assert "postprocessing failed: no disk" in (video.error_message or "")
    assert steps(world)["collect"] == world.env.timing.steps["collect"].tries


def test_no_frames(world: World, caller: Caller, gateway: FakeGateway, tmp_path: Path) -> None:
    path = tmp_path / "empty.avi"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mjpeg", rate=25)
        video.width, video.height, video.pix_fmt = 160, 96, "yuvj420p"
        container.start_encoding()
    job_id = world.submit(path)
    caller.run(world, job_id)
    assert states(world, job_id) == [*ALL_STATES, "failed"]
    assert world.job(job_id).error_code == "no_results"
    [found] = world.videos(job_id)
    assert (found.video_status, found.error_message) == ("failed", "has no frames in it")
    assert (gateway.calls, gateway.postprocessed) == ([], [])


def _with(world: World, **changes: Any) -> World:
    env: Environment = replace(world.env, **changes)
    return replace(world, env=env)
