"""The app of the postprocess service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager

from fastapi import FastAPI

from podium.containment.settings import open_codecs
from podium.postprocess.postprocessor import Postprocessor
from podium.postprocess.service import PostprocessService
from podium.postprocess.settings import PostprocessSettings
from podium.serving.app import create_service_app
from podium.serving.hosting.here import Hosted
from podium.serving.observing.metered_executor import MeteredExecutor
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.catalogue import Catalogue
from podium.stages.postprocess import PostprocessModel
from podium.storage.object_store import ObjectStore


def host_postprocess(settings: PostprocessSettings, metrics: Metrics) -> Hosted:
    """Make the model of the service."""
    opened = ExitStack()
    codecs = opened.enter_context(open_codecs(settings.codecs, idle=settings.workers))
    executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="postprocess")
    service = PostprocessService(
        Postprocessor(
            max_frames=settings.max_frames, max_pixels=settings.max_pixels, codecs=codecs
        ),
        ObjectStore(settings.objects),
        MeteredExecutor(executor, "postprocess", metrics),
    )

    @asynccontextmanager
    async def workers() -> AsyncIterator[None]:
        with opened, executor:
            yield

    return Hosted(Catalogue([PostprocessModel(service)]), workers)


def create_app(settings: PostprocessSettings | None = None) -> FastAPI:
    """Make the app of the postprocess service."""
    settings = settings or PostprocessSettings()
    metrics = Metrics("postprocess")
    hosted = host_postprocess(settings, metrics)
    return create_service_app(
        "postprocess",
        hosted.catalogue,
        settings,
        summary="Frame results of a whole video in, tables, overlays and a report out.",
        resource=lambda _: hosted.resource(),
        metrics=metrics,
    )
