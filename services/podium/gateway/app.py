"""The gateway's app."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from podium.gateway.here import host_here
from podium.gateway.kubernetes.pipelines import PipelineResources
from podium.gateway.pipelines import PICTURES_PER_CHUNK, Pipelines, pipeline_entry
from podium.gateway.routes import pipeline_route, pipeline_router
from podium.gateway.settings import GatewaySettings
from podium.kubernetes.api import KubernetesApi
from podium.kubernetes.credentials import require_cluster
from podium.pipelines.spec import Pipeline, shipped_and
from podium.serving.app import create_service_app
from podium.serving.calling.client import OipClient
from podium.serving.calling.connections import Connections
from podium.serving.calling.endpoint_slices import EndpointSliceEndpoints
from podium.serving.calling.endpoints import Endpoints, read_endpoints
from podium.serving.calling.joined_calls import Company, JoinedCalls
from podium.serving.hosting.here import HERE, Here
from podium.serving.http.key_schemes import describe_keys
from podium.serving.http.keys import KeyFile, RequireApiKey
from podium.serving.observing.telemetry import CallMetrics, Metrics
from podium.serving.oip.catalogue import Catalogue
from podium.stages import Stages
from podium.stages.contract import ModelServer
from podium.stages.decode import DecodeClient
from podium.stages.detection import DETECT, DetectionClient
from podium.stages.pose import Pose2DClient, Pose3DClient
from podium.stages.postprocess import PostprocessClient
from podium.wire.rows import row_index_of

_log = logging.getLogger("podium.gateway")

_FIRST_LIST_S = 5.0


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """Make the gateway's app. Raises SetupError when a file of pipelines or keys is not valid."""
    settings = settings or GatewaySettings()
    metrics = Metrics("gateway")
    api = KubernetesApi(settings.namespace, settings.service_account)

    def pods(service: str, port: int) -> Endpoints:
        return EndpointSliceEndpoints(api, service, port, zone=settings.zone or None)

    connections = Connections()
    urls = settings.stage_urls()
    hosted = {
        stage: host_here(stage, metrics.of_stage(stage))
        for stage, url in urls.items()
        if url == HERE
    }
    clients = {
        stage: OipClient(
            connections,
            stage,
            read_endpoints(url, setting=f"PODIUM_GATEWAY_{stage.upper()}_URL", pods=pods),
            metrics.calls(stage),
            timeout_s=settings.timeout_s(stage),
            repeatable=stage != "postprocess",
        )
        for stage, url in urls.items()
        if url != HERE
    }
    company = Company(PICTURES_PER_CHUNK * settings.max_chunks)
    here = {
        stage: Here(
            stage, each.catalogue, metrics.calls(stage), timeout_s=settings.timeout_s(stage)
        )
        for stage, each in hosted.items()
    }
    joining = {
        stage: _joining(stage, client, company, metrics.calls(stage), settings.join_ms / 1e3)
        for stage, client in clients.items()
    }
    stages = _stages({**clients, **here})
    pipelines = Pipelines(
        shipped_and(settings.pipelines),
        stages,
        settings,
        metrics,
        stages_of_pictures=_stages({**joining, **here}),
        company=company,
    )

    catalogue = Catalogue()
    for pipeline in pipelines.all():
        catalogue.add(pipeline_entry(pipelines, pipeline))
    resources = None
    if settings.watch_pipelines:
        require_cluster("PODIUM_GATEWAY_WATCH_PIPELINES", settings.service_account)
        resources = _resources(api, pipelines, catalogue, metrics)

    @asynccontextmanager
    async def connected(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened, connections, api, asyncio.TaskGroup() as watches:
            for each in hosted.values():
                await opened.enter_async_context(each.resource())
            tasks = [
                watches.create_task(client.balancer.endpoints.watch())
                for client in clients.values()
            ]
            if resources is not None:
                tasks.append(watches.create_task(resources.run()))
                await _first_list(resources)
            yield
            for task in tasks:
                task.cancel()

    app = create_service_app(
        "gateway",
        catalogue,
        settings,
        summary="Video of athletes in, key points out: pipelines over the other services.",
        routers=[pipeline_router(pipelines, stages.postprocess)],
        raw_routes=[pipeline_route(pipelines)],
        resource=connected,
        metrics=metrics,
        middleware=_access(settings, metrics),
    )
    if settings.api_keys is not None:
        describe_keys(app)
    return app


def _stages(servers: Mapping[str, ModelServer]) -> Stages:
    return Stages(
        decode=DecodeClient(servers["decode"]),
        detection=DetectionClient(servers["detection"]),
        pose2d=Pose2DClient(servers["pose2d"]),
        pose3d=Pose3DClient(servers["pose3d"]),
        postprocess=PostprocessClient(servers["postprocess"]),
    )


def _joining(
    stage: str, client: OipClient, company: Company, metrics: CallMetrics, longest_s: float
) -> ModelServer:
    """The client of a stage for single pictures, whose small calls are joined."""
    if longest_s <= 0 or stage == "postprocess":
        return client
    joined = functools.partial(JoinedCalls, client, company, metrics, longest_s=longest_s)
    if stage == "decode":
        return joined(models={"crop"}, by_row=("handle",))
    return joined(row_index=row_index_of(DETECT.output_specs()) if stage == "detection" else None)


def _resources(
    api: KubernetesApi, pipelines: Pipelines, catalogue: Catalogue, metrics: Metrics
) -> PipelineResources:
    """Serve pipelines from custom resources, kept up to date."""

    def serve(custom: Mapping[str, Pipeline]) -> None:
        for name, pipeline in pipelines.use_resources(custom).items():
            entries = [] if pipeline is None else [pipeline_entry(pipelines, pipeline)]
            catalogue.replace(name, entries)

    resources = PipelineResources(api, serve)
    metrics.watch_pipelines(lambda: resources.watch.age_s)
    return resources


async def _first_list(resources: PipelineResources) -> None:
    """Wait for the custom resources before the first request, but not long."""
    try:
        async with asyncio.timeout(_FIRST_LIST_S):
            await resources.watch.settled.wait()
    except TimeoutError:
        _log.warning("starting without the pipelines of custom resources")


def _access(settings: GatewaySettings, metrics: Metrics) -> list[Middleware]:
    """The middleware that asks for API keys; none if no keys are set."""
    if settings.api_keys is not None:
        return [Middleware(RequireApiKey, keys=KeyFile(settings.api_keys), metrics=metrics)]
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
