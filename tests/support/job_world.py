"""A project with a pipeline, a folder of objects, and short times."""

from __future__ import annotations

import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.orm import Session

from podium.jobs import uploads
from podium.jobs.controller import Controller
from podium.jobs.environment import Environment
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.gateway import HttpTiers
from podium.jobs.observing.oplog import FileLog
from podium.jobs.principal import SYSTEM, Principal
from podium.jobs.signing import Signer
from podium.jobs.sql import jobs, submission
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema.tables import Pipeline, Project
from podium.jobs.sql.schema.work_tables import FrameBatch, Job, Video
from podium.jobs.timing import STEPS, Step, Timing
from podium.schemas.jobs import JobCreate
from podium.schemas.objects import UploadCreate
from podium.schemas.states import TERMINAL

QUICK = Timing(
    steps={name: Step(step.timeout_s, step.tries, 0.05, 1.5, 0.5) for name, step in STEPS.items()},
    lease_s=60.0,  # a slow machine is no dead worker
    call_backoff_s=0.02,
    call_longest_backoff_s=1.0,
    check_every_s=0.1,
    batch_frames=10,
)
WHERE_WORKERS_DIE = replace(QUICK, lease_s=4.0)


@dataclass
class World:
    """What a test works with."""

    env: Environment
    principal: Principal
    pipeline_id: int

    def upload(self, path: Path, name: str | None = None) -> int:
        """Upload a file; gives its id."""
        data = path.read_bytes()
        wanted = UploadCreate(upload_name=name or path.name, size_bytes=len(data))
        upload = uploads.begin(self.env, self.principal, wanted)
        assert isinstance(self.env.objects, FolderObjects)
        key = f"projects/{self.principal.project_id}/uploads/{upload.id}"
        self.env.objects.receive(key, upload.fields, [data])
        return uploads.complete(self.env, self.principal, upload.id).id

    def submit(self, path: Path, **more: Any) -> int:
        """Make a job of a file; gives its id."""
        return self.create({"upload_id": self.upload(path)}, **more)

    def create(self, given: dict[str, Any], **more: Any) -> int:
        wanted = JobCreate.model_validate({"input": given, "pipeline_id": self.pipeline_id, **more})
        return self.env.database.write(
            self.principal,
            lambda s: submission.create(s, wanted, self.env.timing, self.env.now()),
        )

    def job(self, job_id: int) -> Job:
        return self.env.database.read(SYSTEM, lambda s: jobs.get(s, job_id))

    def videos(self, job_id: int) -> list[Video]:
        return self.env.database.read(SYSTEM, lambda s: jobs.videos(s, job_id))

    def batches(self, job_id: int) -> list[FrameBatch]:
        from sqlalchemy import select

        return self.env.database.read(
            SYSTEM,
            lambda s: list(
                s.scalars(
                    select(FrameBatch).where(FrameBatch.job_id == job_id).order_by(FrameBatch.id)
                )
            ),
        )

    def wait(self, job_id: int, timeout_s: float = 60.0) -> Job:
        """Wait for the end of a job."""
        until = time.monotonic() + timeout_s
        while (job := self.job(job_id)).job_status not in TERMINAL:
            assert time.monotonic() < until, f"job {job_id} is still {job.job_status}"
            time.sleep(0.05)
        return job

    def manifest(self, job_id: int) -> dict[str, Any]:
        key = f"{self.job(job_id).job_results_path}/manifest.json"
        manifest: dict[str, Any] = orjson.loads(b"".join(self.env.objects.read(key)))
        return manifest

    @contextmanager
    def controller(self, **options: Any) -> Iterator[Controller]:
        """A controller on a thread while the block runs."""
        stop = threading.Event()
        controller = Controller(self.env, **options)
        thread = threading.Thread(target=controller.run, args=[stop])
        thread.start()
        try:
            yield controller
        finally:
            stop.set()
            thread.join()

    def with_timing(self, **changes: Any) -> World:
        timing = replace(self.env.timing, **changes)
        return replace(self, env=replace(self.env, timing=timing))


def make_world(
    database: Database, folder: Path, gateway_url: str | None, timing: Timing = QUICK
) -> World:
    """A project with a pipeline, in a database that may have others."""
    now = datetime.now(UTC)

    def fill(session: Session) -> tuple[int, int]:
        project = Project(
            project_name="sprinters",
            project_gateway_url=gateway_url,
            project_priority="standard",
            project_concurrency=16,
            input_prefixes=[],
            created_at=now,
            updated_at=now,
        )
        session.add(project)
        session.flush()
        pipeline = Pipeline(
            project_id=project.id,
            pipeline_name="pose-3d",
            pipeline_description="",
            pipeline_endpoint="/v1/pipelines/pose-3d",
            created_at=now,
            updated_at=now,
        )
        session.add(pipeline)
        session.flush()
        return project.id, pipeline.id

    project_id, pipeline_id = database.write(SYSTEM, fill)
    env = Environment(
        database=database,
        objects=FolderObjects(folder / "objects", Signer(b"s" * 32, "http://127.0.0.1/v1/objects")),
        tiers=HttpTiers(timing),
        log=FileLog(folder / "log"),
        timing=timing,
    )
    return World(env, Principal(project_id, frozenset({"jobs:write"})), pipeline_id)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    """A ZIP archive of some files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
