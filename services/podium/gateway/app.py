"""The gateway's app."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from podium.gateway.auth import RequireApiKey, load_keys
from podium.gateway.pipelines import PipelineModel, Pipelines
from podium.gateway.routes import pipeline_door, pipeline_router
from podium.gateway.settings import GatewaySettings
from podium.gateway.spec import SHIPPED, load_pipelines
from podium.serving.app import create_service_app
from podium.serving.catalogue import Catalogue
from podium.serving.client import OipClient, SessionPool
from podium.serving.endpoints import read_endpoints
from podium.serving.remote import (
    RemoteDecode,
    RemoteDetection,
    RemotePose2D,
    RemotePose3D,
    RemotePostprocess,
)
from podium.serving.telemetry import Metrics
from podium.stages import Stages

_log = logging.getLogger("podium.gateway")


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """Make the gateway. Raises SetupError when a file of pipelines or keys is not valid."""
    settings = settings or GatewaySettings()
    metrics = Metrics("gateway")
    pool = SessionPool(timeout_s=settings.stage_timeout_s)
    slow_pool = SessionPool(timeout_s=settings.postprocess_timeout_s)
    clients = {
        stage: OipClient(
            slow_pool if stage == "postprocess" else pool,
            stage,
            read_endpoints(url, setting=f"PODIUM_{stage.upper()}_URL"),
            metrics.calls(stage),
            repeatable=stage != "postprocess",
        )
        for stage, url in settings.stage_urls().items()
    }
    stages = Stages(
        decode=RemoteDecode(clients["decode"]),
        detection=RemoteDetection(clients["detection"]),
        pose2d=RemotePose2D(clients["pose2d"]),
        pose3d=RemotePose3D(clients["pose3d"]),
        postprocess=RemotePostprocess(clients["postprocess"]),
    )
    folders = [SHIPPED] if settings.pipelines is None else [SHIPPED, settings.pipelines]
    pipelines = Pipelines(load_pipelines(folders), stages, settings, metrics)

    @asynccontextmanager
    async def connections(_: FastAPI) -> AsyncIterator[None]:
        async with pool, slow_pool, asyncio.TaskGroup() as watches:
            tasks = [
                watches.create_task(client.balancer.endpoints.watch())
                for client in clients.values()
            ]
            yield
            for task in tasks:
                task.cancel()

    return create_service_app(
        "gateway",
        Catalogue(PipelineModel(pipelines, pipeline) for pipeline in pipelines.all()),
        settings,
        summary="Video of athletes in, key points out: pipelines over the other services.",
        routers=[pipeline_router(pipelines, stages.postprocess, settings.max_body_bytes)],
        doors=[pipeline_door(pipelines, settings.max_body_bytes)],
        resource=connections,
        metrics=metrics,
        middleware=_door(settings, metrics),
    )


def _door(settings: GatewaySettings, metrics: Metrics) -> list[Middleware]:
    """Who is let in: everybody, or holders of an API key."""
    if settings.api_keys is not None:
        return [Middleware(RequireApiKey, keys=load_keys(settings.api_keys), metrics=metrics)]
    if not _is_loopback(settings.host):
        _log.warning(
            "anybody who reaches %s:%d may use this gateway; PODIUM_API_KEYS asks for keys",
            settings.host,
            settings.port,
        )
    return []


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
