"""The routes of the Open Inference Protocol V2 (REST), which every service has.

Source: the OIP V2 REST specification with the binary tensor data extension. Module ``infer`` has
the infer routes.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

import podium
from podium.errors import NotFound
from podium.serving.http.admission import Admission
from podium.serving.http.health import not_ready
from podium.serving.oip.catalogue import Catalogue
from podium.serving.oip.infer import OIP_TAG
from podium.serving.oip.model_control import ModelControl

EXTENSIONS = ("binary_tensor_data", "model_repository", "model_configuration", "statistics")
"""Module ``triton_extensions`` has the last three."""


def oip_router(
    service: str,
    catalogue: Catalogue,
    control: ModelControl,
    admission: Admission,
) -> APIRouter:
    """Routes under ``/v2`` for the models of a catalogue.

    Args:
        service: Name in the metadata and in errors.
        catalogue: The models that are served.
        control: Knows all models that could be served.
        admission: Knows whether the service is draining.
    """
    router = APIRouter(prefix="/v2", tags=[OIP_TAG])

    async def server_metadata() -> dict[str, Any]:
        return {
            "name": f"podium-{service}",
            "version": podium.__version__,
            "extensions": list(EXTENSIONS),
        }

    router.add_api_route("", server_metadata, summary="Server metadata")
    router.add_api_route("/", server_metadata, include_in_schema=False)

    @router.get("/models/{name}", summary="Model metadata")
    @router.get("/models/{name}/versions/{version}", summary="Model metadata of a version")
    async def model_metadata(name: str, version: str | None = None) -> dict[str, Any]:
        return catalogue.metadata(name, version)

    model_not_ready = not_ready({"name": {"type": "string"}, "ready": {"const": False}})

    @router.get("/models/{name}/ready", summary="Is the model ready?", responses=model_not_ready)
    @router.get(
        "/models/{name}/versions/{version}/ready",
        summary="Is this version ready?",
        responses=model_not_ready,
    )
    async def model_ready(
        response: Response, name: str, version: str | None = None
    ) -> dict[str, Any]:
        try:
            ready = not admission.draining and not await catalogue.get(name, version).fault()
        except NotFound:
            known = await control.index()
            if not any(e.name == name and version in (None, e.version) for e in known):
                raise
            ready = False
        response.status_code = 200 if ready else 503
        return {"name": name, "ready": ready}

    return router
