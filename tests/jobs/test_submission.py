"""Making jobs, running them again, and what is kept of them for how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy.orm import Session

from podium.errors import Conflict, Forbidden, NotFound, Unprocessable
from podium.jobs import housekeeping, uploads
from podium.jobs.estimate import estimate
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.principal import SYSTEM, Principal
from podium.jobs.reconcile import reconcile
from podium.jobs.results import results
from podium.jobs.sql import catalogue, gauges, jobs, submission, views
from podium.jobs.sql.database import Database
from podium.jobs.sql.job_update import update_job
from podium.jobs.sql.schema.work_tables import FrameBatch
from podium.local.stack import free_ports
from podium.schemas import objects as schemas
from podium.schemas.jobs import JobCreate, JobUpdate
from podium.schemas.objects import UploadCreate
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.job_world import World, make_world, zipped
from tests.support.videos import write_video
from tests.support.waiting import blocking_until


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as fake:
        yield fake


@pytest.fixture
def world(sqlite: Database, tmp_path: Path, gateway: FakeGateway) -> World:
    return make_world(sqlite, tmp_path, gateway.url)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "sprint.mp4", 25)


def make(world: World, kind: Any, **values: Any) -> Any:
    schema = getattr(schemas, f"{kind.shown.__name__}Create")
    wanted = schema.model_validate(values)
    return world.env.database.write(
        world.principal, lambda s: catalogue.create(s, kind, wanted, world.env.now())
    )


def test_parameters_come_from_the_set_the_athlete_and_the_job(
    world: World, video: Path, gateway: FakeGateway
) -> None:
    parameter_set = make(
        world, catalogue.PIPELINE_PARAMETER_SET, pipeline_parameter_set_name="fine"
    )
    make(
        world,
        catalogue.PIPELINE_PARAMETERS,
        pipeline_id=world.pipeline_id,
        pipeline_parameter_set_id=parameter_set.id,
        pipeline_parameters_name="fine",
        pipeline_parameters_value={
            "frames": {"stride": 1, "max_persons": 2},
            "postprocess": {"cutoff_hz": 8.0, "overlay": False},
            "batch_frames": 5,
        },
    )
    group = make(
        world,
        catalogue.USER_GROUP,
        user_group_name="g",
        pipeline_parameter_set_id=parameter_set.id,
    )
    user = make(world, catalogue.USER, user_name="u", user_email="u@x", group_id=group.id)
    athlete = make(world, catalogue.ATHLETE, athlete_name="Bo", athlete_height_m=1.83)
    job_id = world.submit(
        video,
        user_id=user.id,
        athlete_id=athlete.id,
        job_parameters={"frames": {"stride": 3}, "postprocess": {"cutoff_hz": 12.0}},
    )
    with world.controller():
        assert world.wait(job_id).job_status == "succeeded"
    assert {(c["stride"], c["max_persons"], c["count"]) for c in gateway.calls} == {(3, 2, 5)}
    [body] = gateway.postprocessed
    assert (body["cutoff_hz"], body["overlay"], body["athlete_height_m"]) == (12.0, False, 1.83)


def test_an_outage_of_the_gateway_is_waited_for(
    sqlite: Database, tmp_path: Path, video: Path
) -> None:
    port = free_ports()["gateway"]  # it stays free meanwhile
    world = make_world(sqlite, tmp_path, f"http://127.0.0.1:{port}")
    log: list[dict[str, Any]] = []
    world = replace(world, env=replace(world.env, log=SimpleNamespace(write=log.append)))
    job_id = world.submit(video)

    def rounds() -> int:
        """How often each of the three frame batches was tried in vain."""
        tries = Counter(r["frame_batch_id"] for r in list(log) if r["action"] == "consume")
        return min(tries.values()) if len(tries) == 3 else 0

    with world.controller():
        blocking_until(lambda: rounds() > world.env.timing.steps["consume"].tries)
        assert world.job(job_id).job_status == "processing"
        with fake_gateway(port):
            assert world.wait(job_id).job_status == "succeeded"
    assert max(batch.attempt for batch in world.batches(job_id)) == 1


def test_a_job_runs_again_on_copies_of_its_videos(
    world: World, video: Path, tmp_path: Path, gateway: FakeGateway
) -> None:
    both = zipped(tmp_path / "x.zip", {"a.mp4": video.read_bytes(), "b.mp4": b"broken"})
    first = world.submit(both)
    with world.controller():
        assert world.wait(first).job_status == "partially_succeeded"
        again = world.create({"job_id": first}, job_parameters={"frames": {"stride": 9}})
        assert world.wait(again).job_status == "partially_succeeded"
        housekeeping.delete_data(world.env, world.principal, first)
        [good, _] = world.videos(again)
        one = world.create({"video_ids": [good.id]})
        assert world.wait(one).job_status == "succeeded"
    assert gateway.calls[-1]["uri"] != good.video_path
    assert {call.get("stride") for call in gateway.calls} == {None, 9}
    with pytest.raises(Unprocessable, match="job_id"):
        world.create({"job_id": first})


def test_hostile_and_empty_archives_end_the_job_with_words(world: World, tmp_path: Path) -> None:
    escape = zipped(tmp_path / "escape.zip", {"../../x.mp4": b"x"})
    texts = zipped(tmp_path / "texts.zip", {"a.txt": b"x"})
    hostile, empty = world.submit(escape), world.submit(texts)
    with world.controller():
        job = world.wait(hostile)
        assert (job.job_status, job.error_code) == ("failed", "invalid_input")
        assert "leads out of the archive" in (job.error_message or "")
        job = world.wait(empty)
        assert (job.job_status, job.error_message) == ("failed", "has no videos in it")


def test_data_is_deleted_when_its_time_is_over(
    world: World, video: Path, gateway: FakeGateway
) -> None:
    job_id = world.submit(video, retain_days=2)
    with pytest.raises(Conflict, match="cancel it first"):
        housekeeping.delete_data(world.env, world.principal, job_id)
    with world.controller():
        world.wait(job_id)
    assert list(world.env.objects.below("projects"))
    housekeeping.tidy(world.env)
    assert world.job(job_id).data_deleted_at is None
    late = replace(world.env, now=lambda: world.env.now() + timedelta(days=3))
    housekeeping.tidy(late)
    assert world.job(job_id).data_deleted_at is not None
    assert list(world.env.objects.below("projects")) == []
    retry = lambda s: submission.retry(s, job_id, world.env.timing, world.env.now())  # noqa: E731
    with pytest.raises(Conflict):
        world.env.database.write(world.principal, retry)
    world.env.database.write(world.principal, lambda s: submission.remove(s, job_id))
    with pytest.raises(NotFound):
        world.env.database.read(SYSTEM, lambda s: jobs.get(s, job_id))


def test_uploads_that_nobody_finished_are_aborted(world: World) -> None:
    wanted = UploadCreate(upload_name="x.mp4", size_bytes=10, parts=True)
    begun = uploads.begin(world.env, world.principal, wanted)
    late = replace(world.env, now=lambda: world.env.now() + timedelta(days=2))
    housekeeping.tidy(late)
    assert uploads.show(world.env, world.principal, begun.id).upload_status == "aborted"
    with pytest.raises(Conflict, match="is aborted"):
        world.create({"upload_id": begun.id})


def test_what_is_not_there_is_named_by_its_field(world: World, video: Path) -> None:
    upload_id = world.upload(video)
    for field, values in {
        "pipeline_id": {"pipeline_id": 999},
        "user_id": {"user_id": 999},
        "athlete_id": {"athlete_id": 999},
        "input.upload_id": {"input": {"upload_id": 999}},
        "input.video_ids": {"input": {"video_ids": [999]}},
        "input.job_id": {"input": {"job_id": 999}},
    }.items():
        given = {"input": {"upload_id": upload_id}, **values}
        with pytest.raises(Unprocessable, match=f"^{field}: "):
            world.create(given.pop("input"), **given)


def test_addresses_outside_of_what_the_project_may_read_are_refused(
    world: World, video: Path, tmp_path: Path
) -> None:
    uri = video.resolve().as_uri()
    with pytest.raises(Forbidden):
        world.create({"uri": uri})
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    prefix = f"{allowed.resolve().as_uri()}/"

    def allow(session: Any) -> None:
        session.get(catalogue.PROJECT.table, world.principal.project_id).input_prefixes = [prefix]

    world.env.database.write(SYSTEM, allow)
    for outside in (uri, f"{prefix}../sprint.mp4", f"{prefix}%2e%2e/sprint.mp4"):
        with pytest.raises(Forbidden):
            world.create({"uri": outside})
    (allowed / "link.mp4").symlink_to(video)
    (allowed / "good.mp4").write_bytes(video.read_bytes())
    link, good = (world.create({"uri": f"{prefix}{name}.mp4"}) for name in ("link", "good"))
    with world.controller():
        assert world.wait(link).job_status == "failed"
        assert world.wait(good).job_status == "succeeded"
    housekeeping.delete_data(world.env, world.principal, good)
    assert (allowed / "good.mp4").exists()  # what is the user's own stays


def test_views_say_how_far_a_job_is_and_strangers_see_none(
    world: World, video: Path, gateway: FakeGateway
) -> None:
    gateway.fails = lambda body, _: (400, "no") if body.get("start") == 10 else None
    first, second = world.submit(video), world.submit(video)
    with world.controller():
        world.wait(first)
        world.wait(second)
    database, now = world.env.database, world.env.now()
    shown = database.read(world.principal, lambda s: views.job(s, first, now))
    assert shown.progress.frame_batches.model_dump() == {"total": 3, "succeeded": 2, "failed": 1}
    assert (shown.progress.percent, shown.job_status) == (100.0, "partially_succeeded")
    assert shown.error is not None
    assert "sprint.mp4: 10 of 25 frames have no results: no" in shown.error.message
    page = database.read(world.principal, lambda s: views.list_jobs(s, now, limit=1))
    assert [job.id for job in page.items] == [second]
    rest = database.read(
        world.principal, lambda s: views.list_jobs(s, now, limit=1, cursor=page.next_cursor)
    )
    assert ([job.id for job in rest.items], rest.next_cursor) == ([first], None)
    [told] = database.read(world.principal, lambda s: views.list_videos(s, job_id=first)).items
    assert [part.model_dump() for part in told.missing] == [{"start": 10, "count": 10}]
    batches = database.read(
        world.principal, lambda s: views.list_frame_batches(s, video_id=told.id)
    ).items
    assert [batch.frame_batch_end_number for batch in batches] == [9, 19, 24]

    stranger = Principal(999, frozenset({"jobs:write"}))
    assert database.read(stranger, lambda s: views.list_jobs(s, now)).items == []
    for look in (
        lambda s: views.job(s, first, now),
        lambda s: views.video(s, told.id),
        lambda s: views.frame_batch(s, batches[0].id),
        lambda s: submission.cancel(s, first, now),
        lambda s: submission.retry(s, first, world.env.timing, now),
        lambda s: submission.remove(s, first),
    ):
        with pytest.raises(NotFound):
            database.write(stranger, look)


def test_an_estimate_checks_all_and_keeps_nothing(
    world: World, video: Path, tmp_path: Path, gateway: FakeGateway
) -> None:
    good = video.read_bytes()
    both = zipped(tmp_path / "x.zip", {"a.mp4": good, "b.mp4": b"broken", "c.txt": b"x"})
    gateway.delay_s = 0.05
    done = world.submit(both)
    with world.controller():
        world.wait(done)
    env = replace(world.env, tier_usd_per_hour=3.6)
    wanted = JobCreate.model_validate(
        {
            "input": {"upload_id": world.upload(both)},
            "pipeline_id": world.pipeline_id,
            "job_parameters": {"step": 2, "batch_frames": 4},
        }
    )
    told = estimate(env, world.principal, wanted)
    assert (told.videos, told.frames, told.frame_batches, told.queue_position) == (2, 13, 4, 0)
    assert [problem.message.partition(":")[0] for problem in told.problems] == ["b.mp4"]
    assert told.frames_per_s is not None
    assert told.seconds == pytest.approx(13 / told.frames_per_s, abs=0.1)
    assert told.cost_usd == pytest.approx(told.seconds * 0.001, abs=1e-3)
    jobs_there = env.database.read(world.principal, lambda s: views.list_jobs(s, env.now()))
    assert [job.id for job in jobs_there.items] == [done]
    with pytest.raises(Unprocessable, match="pipeline_id"):
        estimate(env, world.principal, wanted.model_copy(update={"pipeline_id": 999}))


def test_results_are_listed_with_addresses_that_work(
    world: World, video: Path, gateway: FakeGateway
) -> None:
    job_id = world.submit(video)
    waiting = results(world.env, world.principal, job_id)
    assert (waiting.job_status, waiting.videos, waiting.manifest) == ("queued", [], None)
    with world.controller():
        world.wait(job_id)
    there = results(world.env, world.principal, job_id)
    assert there.manifest is not None
    [shown] = there.videos
    assert [file.name for file in shown.files] == ["keypoints.csv", "results.json"]
    objects = world.env.objects
    assert isinstance(objects, FolderObjects)
    split = urlsplit(shown.files[0].url)
    query = dict(parse_qsl(split.query))
    name, path = objects.send(split.path.removeprefix("/v1/objects/"), query)
    assert (name, path.read_text()) == ("keypoints.csv", "frames\n25\n")
    with pytest.raises(NotFound):
        results(world.env, Principal(999), job_id)


def test_gauges_count_what_has_not_ended(world: World, video: Path) -> None:
    first = world.submit(video)
    read = lambda: world.env.database.read(SYSTEM, lambda s: gauges.gauges(s, world.env.now()))  # noqa: E731
    assert read().jobs == {"queued": 1}
    for _ in range(2):
        reconcile(world.env, first)
    told = read()
    assert (told.jobs, told.waiting, told.at_work) == ({"processing": 1}, {"standard": 3}, {})
    assert 0 <= told.oldest_s["standard"] < 60

    change = JobUpdate(priority="high-priority")
    world.env.database.write(
        SYSTEM, lambda s: update_job(s, first, change, version=None, now=world.env.now())
    )
    told = read()
    assert (told.waiting, list(told.oldest_s)) == ({"high-priority": 3}, ["high-priority"])


def test_the_recent_rate_counts_the_time_in_which_there_was_work(world: World, video: Path) -> None:
    """Batches that end together have a rate, too, and idle time between jobs does not lower it."""
    now = world.env.now()

    def rate() -> float | None:
        return world.env.database.read(
            world.principal, lambda s: gauges.frames_per_s(s, world.principal.project_id or 0, now)
        )

    def ended(made: float, *batches_ended: float) -> None:
        """A job of 10, 10 and 5 frames, with the minutes since its batches were made and ended."""
        job_id = world.submit(video)
        for _ in range(2):
            reconcile(world.env, job_id)

        def write(session: Session) -> None:
            for batch, minutes in zip(world.batches(job_id), batches_ended, strict=True):
                row = session.get_one(FrameBatch, batch.id)
                row.frame_batch_status = "succeeded"
                row.created_at = now - timedelta(minutes=made)
                row.updated_at = now - timedelta(minutes=minutes)

        world.env.database.write(SYSTEM, write)

    assert rate() is None
    ended(2.0, 1.0, 1.0, 1.0)
    assert rate() == pytest.approx(25 / 60)
    ended(1.5, 0.5, 0.5, 0.5)  # half of it at the same time as the first
    assert rate() == pytest.approx(50 / 90)
    ended(20.0, 16.0, 14.5, 14.5)  # only the last quarter of an hour counts
    assert rate() == pytest.approx(65 / 120)
