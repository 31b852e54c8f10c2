"""Builds the app of the api from its routes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from podium.api import (
    event_routes,
    job_routes,
    key_routes,
    problem_pages,
    upload_routes,
    webhook_routes,
    work_routes,
)
from podium.api.browser import VIEWER, browser_router, viewer_assets
from podium.api.caller import Access
from podium.api.catalogue_routes import RESOURCES, catalogue_router
from podium.api.object_routes import STREAMED, object_router
from podium.api.openapi import describe_problems
from podium.api.problems import answer_problems
from podium.api.settings import ApiSettings
from podium.api.tokens import tokens_of
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.observing.metrics import WorkCollector
from podium.jobs.settings import JobsSettings, open_environment, signing_secret
from podium.jobs.signing import Signer
from podium.jobs.sql.schema.revision import require_current
from podium.serving.app import create_service_app
from podium.serving.http.key_schemes import describe_keys
from podium.serving.observing.telemetry import Metrics


def create_app(settings: ApiSettings | None = None, jobs: JobsSettings | None = None) -> FastAPI:
    """Create the app.

    Raises:
        SetupError: a setting is wrong, or the database lacks its migration.
    """
    settings = settings or ApiSettings()
    jobs = jobs or JobsSettings()
    env = open_environment(jobs)
    signer = Signer(signing_secret(jobs, jobs.state.absolute()), VIEWER)
    require_current(env.database)

    @asynccontextmanager
    async def threads(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        yield
        env.close()

    metrics = Metrics("api")
    metrics.registry.register(WorkCollector(env.database, env.now))
    app = create_service_app(
        "api",
        None,
        settings,
        summary="Videos in, results out: jobs, uploads and the objects around them.",
        routers=[
            upload_routes.router,
            job_routes.router,
            event_routes.router,
            work_routes.router,
            *map(catalogue_router, RESOURCES),
            key_routes.router,
            webhook_routes.router,
            problem_pages.router,
            browser_router(env, signer),
            *([object_router(env.objects)] if isinstance(env.objects, FolderObjects) else []),
        ],
        resource=threads,
        metrics=metrics,
        streamed=STREAMED,
    )
    app.router.routes.insert(0, viewer_assets())
    app.state.env = env
    app.state.streams = Counter()
    app.state.access = Access(env, tokens_of(settings), settings.requests_per_minute)
    answer_problems(app)
    describe_problems(app)
    describe_keys(app)
    return app
