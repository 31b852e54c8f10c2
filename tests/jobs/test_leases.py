"""Frame batches under many workers: each done once, none by two at a time, none forgotten."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from podium.jobs.fairness import Turns
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import batches, checking, jobs, leases, submitting
from podium.jobs.sql.batches import Queue
from podium.jobs.sql.database import Database
from podium.jobs.sql.leases import Claim
from podium.jobs.sql.schema.work_tables import FrameBatch, Job, Video
from podium.schemas.states import JobState
from tests.support.job_world import World, make_world

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(seconds=60)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return make_world(database, tmp_path, None)


def offered(world: World, count: int) -> int:
    """A job that is being processed, with ``count`` frame batches that wait; gives its id."""

    def fill(session: Session) -> int:
        job = Job(
            project_id=world.principal.project_id,
            pipeline_id=world.pipeline_id,
            job_name="x",
            job_status="submitting",
            job_input={},
            job_parameters={},
            effective_parameters={"batch_frames": 1},
            job_results_path="x",
            priority="standard",
            other_files=[],
            state_times={},
            error_retryable=False,
            deadline_at=NOW + timedelta(days=1),
            is_open=True,
            due_at=NOW,
            step_attempts=0,
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(job)
        session.flush()
        video = Video(
            project_id=job.project_id,
            job_id=job.id,
            ordinal=0,
            video_name="v",
            video_path="file:///v",
            video_results_path="x/results/0",
            video_status="queued",
            video_progress_percentage=0.0,
            size_bytes=1,
            frame_count=count,
            missing=[],
            warnings=[],
            error_retryable=False,
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(video)
        session.flush()
        offer = submitting.make(session, video.id, usual_frames=1, now=NOW)
        batches.mark_submitted(session, offer.ids, NOW)
        jobs.transition(session, job.id, "processing", NOW)
        return job.id

    return world.env.database.write(SYSTEM, fill)


def claim(world: World, owner: str, limit: int, until: datetime = SOON) -> list[Claim]:
    project = world.principal.project_id
    assert project is not None
    return world.env.database.write(
        SYSTEM,
        lambda s: leases.claim(
            s, owner, project_id=project, priority="standard", limit=limit, now=NOW, until=until
        ),
    )


def completed(world: World, job_id: int, *batch_ids: int) -> list[bool]:
    """Complete batches in one transaction; says which changed."""
    changes = [(job_id, partial(leases.complete, batch_id=batch)) for batch in batch_ids]
    return world.env.database.write(SYSTEM, lambda s: jobs.end_work(s, changes, NOW))


@pytest.mark.parametrize("at_once", [1, 7])
def test_of_400_racing_completions_200_are_applied(world: World, at_once: int) -> None:
    job_id = offered(world, 200)
    ids = [batch.id for batch in world.batches(job_id)] * 2
    random.Random(7).shuffle(ids)  # noqa: S311 - repeatable, no secret
    with ThreadPoolExecutor(16) as pool:
        parts = [ids[first : first + at_once] for first in range(0, len(ids), at_once)]
        applied = list(pool.map(lambda part: completed(world, job_id, *part), parts))
    assert Counter(chain.from_iterable(applied)) == {True: 200, False: 200}
    states = Counter(batch.frame_batch_status for batch in world.batches(job_id))
    assert states == {"succeeded": 200}


def test_no_batch_is_claimed_by_two(world: World) -> None:
    job_id = offered(world, 120)
    start = threading.Barrier(6)

    def work(number: int) -> list[int]:
        start.wait()
        taken: list[int] = []
        while held := claim(world, f"w{number}", limit=7):
            taken += [one.id for one in held]
        return taken

    with ThreadPoolExecutor(6) as pool:
        taken = [batch for ids in pool.map(work, range(6)) for batch in ids]
    assert sorted(taken) == sorted(batch.id for batch in world.batches(job_id))


def test_a_dead_workers_batch_goes_to_another_and_counts_once(world: World) -> None:
    job_id = offered(world, 1)
    database = world.env.database
    [lost] = claim(world, "dead", 1, until=NOW - timedelta(seconds=1))
    checked = database.write(SYSTEM, lambda s: checking.check(s, job_id, tries=5, now=NOW))
    assert (checked.pending, checked.recovered) == (1, [lost.id])
    [held] = claim(world, "live", 1)
    assert (held.id, held.attempt) == (lost.id, 2)

    beat = database.write(SYSTEM, lambda s: leases.heartbeat(s, "dead", [lost.id], SOON))
    failed = database.write(SYSTEM, lambda s: leases.fail(s, lost, "x", "x", NOW))
    assert (beat, failed) == (0, False)
    assert completed(world, job_id, lost.id) == [True]
    assert completed(world, job_id, held.id) == [False]


def test_a_heartbeat_keeps_a_batch(world: World) -> None:
    job_id = offered(world, 1)
    database = world.env.database
    [held] = claim(world, "slow", 1, until=NOW - timedelta(seconds=1))
    assert database.write(SYSTEM, lambda s: leases.heartbeat(s, "slow", [held.id], SOON)) == 1
    checked = database.write(SYSTEM, lambda s: checking.check(s, job_id, tries=5, now=NOW))
    assert (checked.pending, checked.recovered) == (1, [])
    assert claim(world, "other", 1) == []


def test_a_batch_that_kills_its_workers_fails_with_the_reason(world: World) -> None:
    job_id = offered(world, 1)
    for _ in range(5):
        claim(world, "doomed", 1, until=NOW - timedelta(seconds=1))
        world.env.database.write(SYSTEM, lambda s: checking.check(s, job_id, tries=5, now=NOW))
    [batch] = world.batches(job_id)
    assert batch.frame_batch_status == "failed"
    assert batch.error_message == "its worker died 5 times while at work on it"


def test_a_cancel_and_a_submit_at_once_leave_nothing_open(world: World) -> None:
    for _ in range(5):
        job_id = offered(world, 3)
        [video] = world.videos(job_id)

        def again(session: Session, job: int = job_id, video_id: int = video.id) -> None:
            session.execute(update(Job).where(Job.id == job).values(job_status="submitting"))
            session.execute(update(FrameBatch).values(frame_batch_status="failed"))
            session.execute(update(Video).where(Video.id == video_id).values(frame_count=9))

        database = world.env.database
        database.write(SYSTEM, again)
        with ThreadPoolExecutor(2) as pool:
            pool.submit(
                database.write,
                SYSTEM,
                lambda s, v=video.id: submitting.make(s, v, usual_frames=1, now=NOW),
            )
            pool.submit(database.write, SYSTEM, lambda s, j=job_id: jobs.request_cancel(s, j, NOW))
        states = Counter(batch.frame_batch_status for batch in world.batches(job_id))
        assert states["pending"] + states["submitted"] == 0
        assert world.job(job_id).job_status == "canceling"


@pytest.mark.parametrize("following", ["succeeded", "processing", "queued"])
def test_jobs_do_not_go_where_they_may_not(world: World, following: JobState) -> None:
    job_id = offered(world, 1)
    database = world.env.database
    assert not database.write(SYSTEM, lambda s: jobs.transition(s, job_id, following, NOW))
    assert world.job(job_id).job_status == "processing"


def test_classes_have_their_weights_and_none_starves() -> None:
    turns = Turns()
    queues = [
        Queue(1, "standard", 10_000, 0, 10_000),
        Queue(2, "priority", 10_000, 0, 10_000),
        Queue(3, "high-priority", 10_000, 0, 10_000),
    ]
    one_by_one = Counter(next(iter(turns.share(queues, 1))) for _ in range(1000))
    assert one_by_one == {(1, "standard"): 100, (2, "priority"): 300, (3, "high-priority"): 600}
    assert turns.share(queues[:1], 8) == {(1, "standard"): 8}  # what others leave is used


def test_projects_of_a_class_take_turns_within_their_concurrency() -> None:
    queues = [Queue(1, "standard", 100, 0, 100), Queue(2, "standard", 100, 3, 5)]
    given = Turns().share(queues, 10)
    assert given == {(1, "standard"): 8, (2, "standard"): 2}
