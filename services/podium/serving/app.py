"""The app factory of every service: OIP routes, health, metrics, errors, OpenAPI page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware import Middleware

import podium
from podium.serving.http.admission import Admission, AdmissionControl
from podium.serving.http.bodies import NOTHING_STREAMED
from podium.serving.http.disconnect import CancelOnDisconnect
from podium.serving.http.docs_page import documented_app
from podium.serving.http.error_responses import ERROR_RESPONSES, answer_errors
from podium.serving.http.head_and_http10 import HeadAndHttp10
from podium.serving.http.health import health_router
from podium.serving.http.raw_route import RawRoute, RawRoutes
from podium.serving.http.request_telemetry import QUIET_PATHS, RequestTelemetry
from podium.serving.http.settings import ServiceSettings
from podium.serving.observing.telemetry import Metrics
from podium.serving.observing.tracing import Tracing, spans_of

if TYPE_CHECKING:
    from podium.serving.oip.catalogue import Catalogue
    from podium.serving.oip.model_control import ModelControl

Resource = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_service_app(
    service: str,
    catalogue: Catalogue | None,
    settings: ServiceSettings,
    *,
    summary: str,
    routers: Sequence[APIRouter] = (),
    resource: Resource | None = None,
    metrics: Metrics | None = None,
    raw_routes: Sequence[RawRoute] = (),
    middleware: Sequence[Middleware] = (),
    control: ModelControl | None = None,
    streamed: Mapping[str, int] = NOTHING_STREAMED,
) -> FastAPI:
    """Make the app of one service.

    Args:
        service: Name in metrics, logs and metadata.
        catalogue: The models behind ``/v2/models``; None: a service that has no models.
        settings: Limits and addresses.
        summary: One line for the OpenAPI page.
        routers: Routes beyond the Open Inference Protocol.
        resource: Opened before the first request, closed after the last (client pools, stores).
        metrics: The service's metrics, where its models count, too; None: new ones.
        raw_routes: Routes that every frame passes; they are matched before all others.
        control: Loads and unloads models, where the service can do that.
        middleware: Called before admission, in this order.
        streamed: Path prefix -> largest body in bytes, for bodies that are never held as a whole.

    Raises:
        SetupError: traces are configured but cannot be exported.
    """
    metrics = metrics or Metrics(service)
    tracing = Tracing(service, settings.otlp_endpoint) if settings.otlp_endpoint else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as open_resources:
            if tracing is not None:
                open_resources.push_async_callback(asyncio.to_thread, tracing.close)
            if resource is not None:
                await open_resources.enter_async_context(resource(app))
            yield

    admission = Admission(settings.max_requests, settings.max_in_flight_bytes)
    if catalogue is not None:
        # Imported here, because a service without models does without numpy, which takes 12 MB.
        from podium.serving.oip.infer import infer_routes

        raw_routes = [*infer_routes(service, catalogue), *raw_routes]
    app = documented_app(
        title=f"Podium {service}",
        summary=summary,
        version=podium.__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        responses=ERROR_RESPONSES,
        telemetry=spans_of(tracing, quiet=QUIET_PATHS),
        middleware=[  # the first one is the outermost
            Middleware(
                RequestTelemetry,
                metrics=metrics,
                max_body_bytes=settings.max_body_bytes,
                tracing=tracing,
                streamed=streamed,
            ),
            *middleware,
            Middleware(AdmissionControl, admission=admission, metrics=metrics, streamed=streamed),
            Middleware(CancelOnDisconnect),
            Middleware(HeadAndHttp10),
            # The names of spans come from the framework's router.
            *([] if tracing else [Middleware(RawRoutes, routes=raw_routes)]),
        ],
    )
    app.state.admission = admission
    app.router.routes[:0] = raw_routes
    app.include_router(health_router(admission))
    if catalogue is not None:
        _add_protocol(app, service, catalogue, control, admission)
    for router in routers:
        app.include_router(router)

    scrapes = anyio.CapacityLimiter(1)

    @app.get(
        "/metrics",
        tags=["operations"],
        summary="Prometheus metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def prometheus() -> Response:
        # Collectors may ask a database. Their thread waits for no other work.
        text = await anyio.to_thread.run_sync(generate_latest, metrics.registry, limiter=scrapes)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    answer_errors(app)
    return app


def _add_protocol(
    app: FastAPI,
    service: str,
    catalogue: Catalogue,
    control: ModelControl | None,
    admission: Admission,
) -> None:
    """Add the routes of the Open Inference Protocol."""
    from podium.serving.oip.model_control import BuiltInModels
    from podium.serving.oip.routes import oip_router
    from podium.serving.oip.triton_extensions import triton_router

    control = control or BuiltInModels(catalogue)
    app.include_router(triton_router(catalogue, control))
    app.include_router(oip_router(service, catalogue, control, admission))
