"""The gateway's app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from podium.gateway.pipelines import PipelineModel, Pipelines
from podium.gateway.routes import pipeline_router
from podium.gateway.settings import GatewaySettings
from podium.gateway.spec import SHIPPED, load_pipelines
from podium.serving.app import create_service_app
from podium.serving.catalogue import Catalogue
from podium.serving.client import OipClient, SessionPool
from podium.serving.remote import (
    RemoteDecode,
    RemoteDetection,
    RemotePose2D,
    RemotePose3D,
    RemotePostprocess,
)
from podium.serving.telemetry import Metrics
from podium.stages import Stages


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """Make the gateway. Raises SetupError when a pipeline file is not valid."""
    settings = settings or GatewaySettings()
    pool = SessionPool(timeout_s=settings.stage_timeout_s)
    slow_pool = SessionPool(timeout_s=settings.postprocess_timeout_s)
    stages = Stages(
        decode=RemoteDecode(OipClient(pool, "decode", settings.decode_url)),
        detection=RemoteDetection(OipClient(pool, "detection", settings.detection_url)),
        pose2d=RemotePose2D(OipClient(pool, "pose2d", settings.pose2d_url)),
        pose3d=RemotePose3D(OipClient(pool, "pose3d", settings.pose3d_url)),
        postprocess=RemotePostprocess(
            OipClient(slow_pool, "postprocess", settings.postprocess_url)
        ),
    )
    metrics = Metrics("gateway")
    folders = [SHIPPED] if settings.pipelines is None else [SHIPPED, settings.pipelines]
    pipelines = Pipelines(load_pipelines(folders), stages, settings, metrics)

    @asynccontextmanager
    async def connections(_: FastAPI) -> AsyncIterator[None]:
        async with pool, slow_pool:
            yield

    return create_service_app(
        "gateway",
        Catalogue(PipelineModel(pipelines, pipeline) for pipeline in pipelines.all()),
        settings,
        summary="Video of athletes in, key points out: pipelines over the other services.",
        routers=[pipeline_router(pipelines, stages.postprocess, settings.max_body_bytes)],
        resource=connections,
        metrics=metrics,
    )
