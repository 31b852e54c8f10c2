"""The api's app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from podium.api import (
    event_routes,
    job_routes,
    key_routes,
    upload_routes,
    webhook_routes,
    work_routes,
)
from podium.api.caller import Access
from podium.api.catalogue_routes import RESOURCES, catalogue_router
from podium.api.openapi import describe_problems
from podium.api.problems import answer_problems
from podium.api.settings import ApiSettings
from podium.jobs.settings import JobsSettings, open_environment
from podium.jobs.sql.schema import migrate
from podium.serving.app import create_service_app


def create_app(settings: ApiSettings | None = None, jobs: JobsSettings | None = None) -> FastAPI:
    """Make the api.

    Raises:
        SetupError: a setting is wrong, or the database lacks its migration.
    """
    settings = settings or ApiSettings()
    env = open_environment(jobs or JobsSettings())
    migrate.require_current(env.database)

    @asynccontextmanager
    async def threads(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        yield
        env.database.close()

    app = create_service_app(
        "api",
        None,
        settings,
        summary="Videos in, results out: jobs, uploads and the objects around them.",
        routers=[
            upload_routes.router,  # /v1/jobs/upload comes before /v1/jobs/{job_id}
            job_routes.router,
            event_routes.router,
            work_routes.router,
            *map(catalogue_router, RESOURCES),
            key_routes.router,
            webhook_routes.router,
        ],
        resource=threads,
    )
    app.state.env = env
    app.state.access = Access(env)
    answer_problems(app)
    describe_problems(app)
    return app
