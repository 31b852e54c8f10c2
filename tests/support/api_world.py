"""An api with two projects, and clients that hold keys of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests
from fastapi import FastAPI

from podium.api.app import create_app
from podium.api.settings import ApiSettings
from podium.jobs.environment import Environment
from podium.jobs.principal import SYSTEM
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql import first_start, keys
from podium.jobs.sql.schema import migrate
from podium.schemas.objects import ApiKeyCreate
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

    def stranger(self) -> Client:
        """A client of a project that has nothing."""
        made = self.admin.post("/v1/projects", {"project_name": "strangers"})
        return self.member(made["id"])


@contextmanager
def api_world(folder: Path, **settings: Any) -> Iterator[ApiWorld]:
    """Serve an api while the block runs."""
    jobs = JobsSettings(state=folder / "state", **settings)
    first = open_environment(jobs)
    migrate.upgrade(first.database)
    first.database.close()
    app = create_app(ApiSettings(), jobs)
    env: Environment = app.state.env
    pipelines = {"pose-3d": "Key points in 3D."}
    key = env.database.write(
        SYSTEM, partial(first_start.prepare, pipelines=pipelines, now=env.now())
    )
    assert key is not None
    with serving(app) as url:
        yield ApiWorld(app, env, url, folder, Client(url, key.secret))
