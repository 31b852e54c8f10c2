"""An api with two projects, and clients that hold keys of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import requests
from fastapi import FastAPI

from podium.api.app import create_app
from podium.api.settings import ApiSettings
from podium.jobs.controller import Controller
from podium.jobs.environment import Environment
from podium.jobs.principal import SYSTEM
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql import first_start, keys
from podium.jobs.sql.schema import migrate
from podium.local.stack import free_ports
from podium.schemas.objects import ApiKeyCreate
from podium.schemas.states import TERMINAL
from tests.support.job_world import QUICK
from tests.support.service_thread import serving


@dataclass
class Client:
    """Asks with one key."""

    url: str
    secret: str
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"x-api-key": self.secret, **more.pop("headers", {})}
        address = path if path.startswith("http") else f"{self.url}{path}"
        return self.session.request(method, address, headers=headers, timeout=30, **more)

    def get(self, path: str, **more: Any) -> Any:
        """The object at a path."""
        answer = self("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload(self, path: Path) -> int:
        """Upload a file by a form; gives its id."""
        data = path.read_bytes()
        wanted = {"upload_name": path.name, "size_bytes": len(data)}
        begun = self.post("/v1/uploads", wanted)
        sent = requests.post(
            begun["url"], data=begun["fields"], files={"file": (path.name, data)}, timeout=30
        )
        assert sent.status_code == 204, sent.text
        return int(self.post(f"/v1/uploads/{begun['id']}/complete", status=200)["id"])

    def submit(self, path: Path, **more: Any) -> int:
        """Make a job of a file; gives its id."""
        body = {"input": {"upload_id": self.upload(path)}, "pipeline_id": 1, **more}
        return int(self.post("/v1/jobs", body, 202)["id"])

    def wait(self, job_id: int, timeout_s: float = 60.0) -> Any:
        """The job once it has ended."""
        until = time.monotonic() + timeout_s
        while (job := self.get(f"/v1/jobs/{job_id}"))["job_status"] not in TERMINAL:
            assert time.monotonic() < until, job
            time.sleep(0.1)
        return job

    def post(self, path: str, body: Any = None, status: int = 201, **more: Any) -> Any:
        """What was made."""
        answer = self("POST", path, json=body, **more)
        assert answer.status_code == status, answer.text
        return answer.json()


@dataclass
class ApiWorld:
    """What a test works with."""

    app: FastAPI
    env: Environment
    url: str
    folder: Path
    admin: Client

    def member(self, project_id: int, *scopes: str) -> Client:
        """A client with a key of a project."""
        wanted = ApiKeyCreate.model_validate(
            {
                "api_key_name": "member",
                "project_id": project_id,
                "scopes": list(scopes or ("jobs:read", "jobs:write")),
            }
        )
        made = self.env.database.write(
            SYSTEM, partial(keys.create, wanted=wanted, now=self.env.now())
        )
        return Client(self.url, made.secret)

    @contextmanager
    def controller(self) -> Iterator[None]:
        """A controller on a thread while the block runs."""
        stop = threading.Event()
        controller = Controller(replace(self.env, timing=QUICK), workers=4)
        thread = threading.Thread(target=controller.run, args=[stop])
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def stranger(self) -> Client:
        """A client of a project that has nothing."""
        made = self.admin.post("/v1/projects", {"project_name": "strangers"})
        return self.member(made["id"])


@contextmanager
def api_world(folder: Path, own: ApiSettings | None = None, **settings: Any) -> Iterator[ApiWorld]:
    """Serve an api while the block runs; ``settings`` are those of jobs."""
    port = free_ports()["gateway"]
    address = f"http://127.0.0.1:{port}/v1/objects"
    jobs = JobsSettings(state=folder / "state", objects_url=address, **settings)
    with closing(open_environment(jobs)) as first:
        migrate.upgrade(first.database)
    app = create_app(own or ApiSettings(), jobs)
    env: Environment = app.state.env
    pipelines = {"pose-3d": "Key points in 3D."}
    key = env.database.write(
        SYSTEM, partial(first_start.prepare, pipelines=pipelines, now=env.now())
    )
    assert key is not None
    with serving(app, port=port) as url:
        yield ApiWorld(app, env, url, folder, Client(url, key.secret))
