"""Jobs from upload to end, moved by controllers, over a gateway that answers at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from podium.errors import Unavailable
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import events, jobs, leases, submission
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema.work_tables import Job
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.job_world import World, make_world
from tests.support.videos import write_video
from tests.support.waiting import blocking_until


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as fake:
        yield fake


@pytest.fixture
def world(database: Database, tmp_path: Path, gateway: FakeGateway) -> World:
    return make_world(database, tmp_path, gateway.url)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "sprint.mp4", 45)


def test_a_video_becomes_results(world: World, video: Path, gateway: FakeGateway) -> None:
    parameters = {"frames": {"stride": 2}, "postprocess": {"overlay": False}}
    job_id = world.submit(video, job_parameters=parameters)
    with world.controller():
        job = world.wait(job_id)
    assert (job.job_status, job.error_code, job.job_name) == ("succeeded", None, "sprint.mp4")
    assert list(job.state_times) == [
        "queued", "initializing", "submitting", "processing", "collecting", "succeeded",
    ]  # fmt: skip
    [found] = world.videos(job_id)
    assert (found.frame_count, found.video_progress_percentage) == (45, 100.0)
    assert sorted((c["start"], c["count"], c["stride"]) for c in gateway.calls) == [
        (0, 10, 2), (10, 10, 2), (20, 10, 2), (30, 10, 2), (40, 5, 2),
    ]  # fmt: skip
    assert all(call["uri"] == found.video_path for call in gateway.calls)
    assert [body["overlay"] for body in gateway.postprocessed] == [False]
    [told] = world.manifest(job_id)["videos"]
    names = {file["name"]: file["path"] for file in told["files"]}
    assert set(names) == {"keypoints.csv", "results.json"}
    merged = json.loads(b"".join(world.env.objects.read(names["results.json"])))
    indices = [frame["index"] for batch in merged for frame in batch["frames"]]
    assert indices == list(range(45))
    kinds = [e.type for e in world.env.database.read(SYSTEM, lambda s: events.after(s, job_id, 0))]
    assert kinds[0] == "job.started"
    assert kinds[-2:] == ["video.succeeded", "job.succeeded"]


def test_every_third_frame(world: World, video: Path, gateway: FakeGateway) -> None:
    job_id = world.submit(video, job_parameters={"step": 3, "batch_frames": 4})
    with world.controller():
        assert world.wait(job_id).job_status == "succeeded"
    asked = sorted((c["start"], c["count"], c["step"]) for c in gateway.calls)
    assert asked == [(0, 4, 3), (12, 4, 3), (24, 4, 3), (36, 3, 3)]


def test_what_passes_is_tried_again(world: World, video: Path, gateway: FakeGateway) -> None:
    statuses = {1: 503, 2: 502, 3: 504, 4: 429}
    gateway.fails = lambda body, tries: (
        (statuses[tries], "busy") if body.get("start") == 10 and tries in statuses else None
    )
    job_id = world.submit(video)
    with world.controller():
        assert world.wait(job_id).job_status == "succeeded"
    assert sum(call["start"] == 10 for call in gateway.calls) == 5
    keys = {call["key"] for call in gateway.calls if call["start"] == 10}
    assert len(keys) == 1


def test_a_batch_that_always_fails_is_named_and_can_be_retried(
    world: World, video: Path, gateway: FakeGateway
) -> None:
    gateway.fails = lambda body, _: (502, "pose2d broke") if body.get("start") == 20 else None
    job_id = world.submit(video)
    with world.controller():
        job = world.wait(job_id)
        assert job.job_status == "partially_succeeded"
        assert "10 of 45 frames have no results: pose2d broke" in (job.error_message or "")
        [found] = world.videos(job_id)
        assert found.missing == [{"start": 20, "count": 10}]
        tries = sum(call["start"] == 20 for call in gateway.calls)
        assert tries == world.env.timing.call_tries * world.env.timing.steps["consume"].tries

        gateway.fails = lambda body, _: None
        before = len(gateway.calls)
        retry = lambda s: submission.retry(s, job_id, world.env.timing, world.env.now())  # noqa: E731
        world.env.database.write(world.principal, retry)
        assert world.wait(job_id).job_status == "succeeded"
    assert [call["start"] for call in gateway.calls[before:]] == [20]
    [found] = world.videos(job_id)
    assert (found.missing, found.error_code) == ([], None)


def test_mistakes_of_the_caller_are_not_tried_again(
    world: World, video: Path, gateway: FakeGateway
) -> None:
    gateway.fails = lambda body, _: (400, "stride: must be at most 64")
    job_id = world.submit(video)
    with world.controller():
        job = world.wait(job_id)
    assert job.job_status == "failed"
    assert "stride: must be at most 64" in (job.error_message or "")
    assert len(gateway.calls) == 5


def test_a_cancel_stops_new_work_at_once_and_keeps_what_is_there(
    world: World, tmp_path: Path, gateway: FakeGateway
) -> None:
    gateway.delay_s = 0.3
    job_id = world.submit(write_video(tmp_path / "long.mp4", 400))
    with world.controller(workers=2):
        blocking_until(lambda: len(gateway.calls) >= 4)
        state = world.env.database.write(
            world.principal, lambda s: submission.cancel(s, job_id, world.env.now())
        )
        assert state == "canceling"
        begun = len(gateway.calls)
        job = world.wait(job_id)
    assert job.job_status == "canceled"
    assert len(gateway.calls) <= begun + 2  # those that were handed out already
    states = [batch.frame_batch_status for batch in world.batches(job_id)]
    assert set(states) == {"succeeded", "canceled"}
    [told] = world.manifest(job_id)["videos"]
    [whole] = [file for file in told["files"] if file["name"] == "results.json"]
    merged = json.loads(b"".join(world.env.objects.read(whole["path"])))
    assert len(merged) == states.count("succeeded") > 0
    assert gateway.postprocessed == []


def test_a_job_that_nothing_moves_expires(world: World, video: Path, gateway: FakeGateway) -> None:
    gateway.fails = lambda body, _: (503, "no replica answers")
    job_id = world.submit(video)

    def is_late(session: Session) -> None:
        session.execute(update(Job).where(Job.id == job_id).values(deadline_at=world.env.now()))

    with world.controller():
        blocking_until(lambda: len({call["start"] for call in gateway.calls}) == 5)
        world.env.database.write(SYSTEM, is_late)
        job = world.wait(job_id)
    assert (job.job_status, job.error_code) == ("expired", "expired")
    assert {batch.frame_batch_status for batch in world.batches(job_id)} == {"canceled"}


def test_two_controllers_never_work_on_one_batch_at_once(
    world: World, tmp_path: Path, gateway: FakeGateway
) -> None:
    gateway.delay_s = 0.02
    job_ids = [world.submit(write_video(tmp_path / f"{n}.mp4", 200)) for n in range(2)]
    with world.controller(workers=3), world.controller(workers=3):
        for job_id in job_ids:
            assert world.wait(job_id).job_status == "succeeded"
    assert len(gateway.tries) == 40
    assert set(gateway.tries.values()) == {1}
    assert set(gateway.most_at_work.values()) == {1}


def test_what_the_database_did_not_take_is_written_later(
    world: World, video: Path, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([Unavailable("the database does not answer")] * 3)
    end_work = jobs.end_work

    def at_times(*given: Any, **named: Any) -> list[bool]:
        for refusal in refusals:
            raise refusal
        return end_work(*given, **named)

    monkeypatch.setattr(jobs, "end_work", at_times)
    job_id = world.submit(video)
    with world.controller():
        assert world.wait(job_id).job_status == "succeeded"
    assert set(gateway.tries.values()) == {1}


def test_a_row_that_cannot_be_written_keeps_no_other_from_it(
    world: World, video: Path, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> bool:
        raise ValueError("text that the database refuses")

    monkeypatch.setattr(leases, "fail", broken)
    gateway.fails = lambda body, _: (400, "no") if body.get("start") == 20 else None
    job_id = world.submit(video)

    def states() -> list[str]:
        return [batch.frame_batch_status for batch in world.batches(job_id)]

    with world.controller(workers=5):
        blocking_until(lambda: states().count("succeeded") == 4)
