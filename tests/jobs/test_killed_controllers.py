"""Controllers that are killed at any moment: no job is lost, no result is doubled."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from podium.jobs.principal import SYSTEM
from podium.jobs.sql import events
from podium.jobs.sql.database import Database
from podium.schemas.states import TERMINAL
from tests.support.fake_gateway import fake_gateway
from tests.support.job_world import WHERE_WORKERS_DIE, make_world, zipped
from tests.support.videos import write_video

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_every_job_ends_once_whenever_controllers_are_killed(
    database: Database, database_url: str, tmp_path: Path, kills: int
) -> None:
    chance = random.Random(20261129)  # noqa: S311 - repeatable, no secret
    with fake_gateway() as gateway:
        gateway.delay_s = 0.1
        world = make_world(database, tmp_path, gateway.url, WHERE_WORKERS_DIE)
        video = write_video(tmp_path / "v.mp4", 120).read_bytes()
        both = zipped(tmp_path / "two.zip", {"a.mp4": video, "b.mp4": video, "c.txt": b"note"})
        jobs = [world.submit(both) for _ in range(4)]

        def start() -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "tests.support.controller_process", database_url]
            process = subprocess.Popen(
                [*command, str(tmp_path / "objects"), gateway.url],
                cwd=ROOT,
                stdout=subprocess.PIPE,
            )
            assert process.stdout is not None
            process.stdout.readline()
            return process

        running = [start(), start()]
        try:
            for _ in range(kills):
                time.sleep(chance.uniform(0.05, 0.6))
                victim = chance.randrange(2)
                _kill(running[victim])
                running[victim] = start()
            for job_id in jobs:
                world.wait(job_id, timeout_s=120)
        finally:
            for process in running:
                _kill(process)

        for job_id in jobs:
            assert world.job(job_id).job_status in TERMINAL
            assert world.job(job_id).job_status == "succeeded", world.job(job_id).error_message
            assert Counter(b.frame_batch_status for b in world.batches(job_id)) == {"succeeded": 24}
            for told in world.manifest(job_id)["videos"]:
                [whole] = [file for file in told["files"] if file["name"] == "results.json"]
                merged = json.loads(b"".join(world.env.objects.read(whole["path"])))
                indices = [frame["index"] for batch in merged for frame in batch["frames"]]
                assert indices == list(range(120))
            told_of = world.env.database.read(
                SYSTEM, lambda s, j=job_id: events.after(s, j, 0, limit=1000)
            )
            ends = Counter(event.type for event in told_of)
            assert (ends["job.started"], ends["job.succeeded"], ends["video.succeeded"]) == (
                1,
                1,
                2,
            )
        # Lost leases aside, no batch is worked on by two: here a killed worker's call may overlap.
        assert max(gateway.most_at_work.values()) <= 2


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
