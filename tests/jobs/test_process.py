"""The controller as a process, with the settings that it shares with the api."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from podium.errors import SetupError
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema import migrate
from tests.support.fake_gateway import fake_gateway
from tests.support.job_world import World, make_world
from tests.support.videos import write_video


def start(state: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "podium.jobs"],
        env={**os.environ, "PODIUM_JOBS_STATE": str(state)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_process_works_until_it_is_told_to_stop(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with fake_gateway() as gateway:
        env = open_environment(JobsSettings(state=state, gateway_url=gateway.url))
        unready = start(state)
        assert "run its migration first" in unready.communicate(timeout=60)[1]
        assert unready.returncode == 1

        migrate.upgrade(env.database)
        assert isinstance(env.objects, FolderObjects)
        made = make_world(env.database, tmp_path, gateway.url)
        world = World(env, made.principal, made.pipeline_id)
        job_id = world.submit(write_video(tmp_path / "v.mp4", 100))
        process = start(state)
        try:
            assert world.wait(job_id, timeout_s=120).job_status == "succeeded"
        finally:
            process.send_signal(signal.SIGTERM)
            log = process.communicate(timeout=60)[1]
        assert (process.returncode, "Traceback" in log) == (0, False), log
        assert sorted((call["start"], call["count"]) for call in gateway.calls) == [
            (0, 64),
            (64, 36),
        ]
        actions = "".join(path.read_text() for path in (state / "log").glob("*.jsonl"))
        assert all(f'"action":"{step}"' in actions for step in ("initialize", "submit", "collect"))
        env.database.close()


def test_wrong_settings_name_themselves(tmp_path: Path, sqlite: Database) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="PODIUM_JOBS_STATE"):
        open_environment(JobsSettings(state=tmp_path / "file"))
    with pytest.raises(SetupError, match="PODIUM_JOBS_SIGNING_KEY"):
        open_environment(JobsSettings(state=tmp_path, signing_key="abc"))
