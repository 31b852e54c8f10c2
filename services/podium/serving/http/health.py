"""The health routes of the Open Inference Protocol, which every service has."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from podium.serving.http.admission import Admission
from podium.wire import JSON_TYPE

HEALTH_TAG = "Open Inference Protocol V2"


def health_router(admission: Admission) -> APIRouter:
    """``/v2/health``; ``admission`` knows whether the service is draining."""
    router = APIRouter(prefix="/v2/health", tags=[HEALTH_TAG])

    @router.get("/live", summary="Is the process alive?")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @router.get(
        "/ready",
        summary="Is the service ready for requests?",
        responses=not_ready({"ready": {"const": False}}),
    )
    async def ready(response: Response) -> dict[str, bool]:
        response.status_code = 503 if admission.draining else 200
        return {"ready": not admission.draining}

    return router


def not_ready(properties: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI description of the 503 that says "not ready"."""
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {503: {"description": "No", "content": {JSON_TYPE: {"schema": schema}}}}
