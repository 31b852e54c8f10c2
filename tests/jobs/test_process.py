"""The controller as a process, with the settings that it shares with the api."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from podium.errors import SetupError
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.observing.metrics import WorkCollector
from podium.jobs.observing.monitor import monitor
from podium.jobs.observing.oplog import StreamLog, action
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql.database import Database
from tests.support.fake_gateway import fake_gateway
from tests.support.job_world import World, make_world
from tests.support.videos import write_video


def start(state: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "podium.jobs", *arguments],
        env={**os.environ, "PODIUM_JOBS_STATE": str(state), **settings},
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

        for _ in range(2):  # the second finds nothing to do
            migration = start(state, "migrate")
            assert "schema of this version" in migration.communicate(timeout=60)[1]
            assert migration.returncode == 0
        assert isinstance(env.objects, FolderObjects)
        made = make_world(env.database, tmp_path, gateway.url)
        world = World(env, made.principal, made.pipeline_id)
        job_id = world.submit(write_video(tmp_path / "v.mp4", 100))
        port = free_port()
        process = start(state, PODIUM_JOBS_PORT=str(port))
        try:
            assert world.wait(job_id, timeout_s=120).job_status == "succeeded"
            assert get(port, "/v2/health/ready") == (200, "ok\n")
            found = samples(get(port, "/metrics")[1])
        finally:
            process.send_signal(signal.SIGTERM)
            log = process.communicate(timeout=60)[1]
        assert (process.returncode, "Traceback" in log) == (0, False), log
        assert found["podium_jobs_database_up"] == 1
        assert found["podium_jobs", "processing"] == 0
        assert found["podium_frame_batches_waiting", "standard"] == 0
        assert found["podium_job_step_duration_seconds_count", "ok", "consume"] == 2
        assert sorted((call["start"], call["count"]) for call in gateway.calls) == [
            (0, 64),
            (64, 36),
        ]
        actions = "".join(path.read_text() for path in (state / "log").glob("*.jsonl"))
        assert all(f'"action":"{step}"' in actions for step in ("initialize", "submit", "collect"))
        env.close()


def test_metrics_say_what_waits_and_for_how_long(tmp_path: Path, sqlite: Database) -> None:
    world = make_world(sqlite, tmp_path, None)
    world.submit(write_video(tmp_path / "v.mp4", 30))
    registry = CollectorRegistry()
    registry.register(WorkCollector(sqlite, world.env.now))
    alive = [True]
    with monitor("127.0.0.1", 0, registry, lambda: alive[0]) as port:
        found = samples(get(port, "/metrics")[1])
        assert found["podium_jobs", "queued"] == 1
        assert found["podium_frame_batches_oldest_seconds", "high-priority"] == 0
        assert get(port, "/v2/health/live")[0] == 200
        alive[0] = False
        assert get(port, "/v2/health/live")[0] == 503
        assert get(port, "/etc/passwd")[0] == 404


def test_a_database_that_is_away_is_not_an_empty_one() -> None:
    nobody = Database(f"mysql+pymysql://podium:secret@127.0.0.1:{free_port()}/podium")
    registry = CollectorRegistry()
    registry.register(WorkCollector(nobody, lambda: datetime.now(UTC)))
    with monitor("127.0.0.1", 0, registry, lambda: True) as port:
        assert samples(get(port, "/metrics")[1]) == {"podium_jobs_database_up": 0}


def test_what_keeps_a_process_from_starting_is_one_line(tmp_path: Path) -> None:
    address = f"mysql+pymysql://podium:secret@127.0.0.1:{free_port()}/podium"
    for settings, says in [
        ({"PODIUM_JOBS_DATABASE_URL": address}, "the database does not answer"),
        ({"PODIUM_JOBS_WORKERS": "many"}, "PODIUM_JOBS_WORKERS"),
        (
            {"PODIUM_PORT": "8006", "PODIUM_JOBS_HOST": "all", "PODIUM_JOBS_STATE": "/dev/null/a"},
            "STATE",
        ),
        ({"PODIUM_JOBS_WORKER": "4"}, "did you mean PODIUM_JOBS_WORKERS"),
    ]:
        process = start(tmp_path, "migrate", **settings)
        (line,) = process.communicate(timeout=60)[1].splitlines()
        assert says in line
        assert process.returncode == 1


def test_the_operational_log_may_go_to_a_stream(tmp_path: Path) -> None:
    stream = io.BytesIO()
    log = StreamLog(stream)
    with pytest.raises(KeyError), action(log, "collect", job_id=7):
        raise KeyError
    with action(log, "collect", job_id=7) as outcome:
        outcome["state"] = "succeeded"
    first, second = (orjson.loads(line) for line in stream.getvalue().splitlines())
    assert (first["action"], first["job_id"], first["outcome"]) == (
        "collect", 7, {"error": "KeyError"},
    )  # fmt: skip
    assert second["outcome"] == {"state": "succeeded"}
    settings = JobsSettings(state=tmp_path, operational_log="stdout")
    assert isinstance(open_environment(settings).log, StreamLog)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(text: str) -> dict[object, float]:
    """Name, or name and the values of its labels in the order of their names -> value."""
    found: dict[object, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sample.labels[key] for key in sorted(sample.labels))
            found[(sample.name, *labels) if labels else sample.name] = sample.value
    return found


def test_wrong_settings_name_themselves(tmp_path: Path, sqlite: Database) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="PODIUM_JOBS_STATE"):
        open_environment(JobsSettings(state=tmp_path / "file"))
    with pytest.raises(SetupError, match="PODIUM_JOBS_SIGNING_KEY"):
        open_environment(JobsSettings(state=tmp_path, signing_key="abc"))
