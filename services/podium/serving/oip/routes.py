"""The routes of the Open Inference Protocol V2 (REST), the same in every service.

Source: the OIP V2 REST specification with the binary tensor data extension. Bodies are read raw:
OIP clients send no content type, and binary tensors are not JSON. The infer route is documented
here and answered by ``infer``.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

import podium
from podium.errors import NotFound
from podium.serving.http.admission import Admission
from podium.serving.http.door import answered_at_the_door
from podium.serving.oip.catalogue import Catalogue
from podium.serving.oip.model_control import ModelControl
from podium.serving.oip.served_model import ServedModel
from podium.wire import BINARY_TYPE, DATATYPES, JSON_TYPE

EXTENSIONS = ("binary_tensor_data", "model_repository", "model_configuration", "statistics")
"""The last three are in ``triton_extensions``."""

_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


def _tensors(*required: str) -> dict[str, Any]:
    """The schema of a list of tensors, of which some fields are required."""
    tensor = {
        "type": "object",
        "required": list(required),
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "datatype": {"enum": list(DATATYPES)},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "data": {"type": "array", "items": {}},
            "parameters": _PARAMETERS,
        },
    }
    return {"type": "array", "items": tensor}


_INFER_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An OIP V2 infer request: JSON, or JSON followed by binary tensors.",
        "content": {
            JSON_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string"},
                        "parameters": _PARAMETERS,
                        "inputs": _tensors("name", "datatype", "shape"),
                        "outputs": _tensors("name"),
                    },
                }
            },
            BINARY_TYPE: _BINARY,
        },
    }
}
_INFER_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, or JSON followed by binary tensors where some were asked for.",
        "content": {
            JSON_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["model_name", "model_version", "outputs"],
                    "properties": {
                        "model_name": {"type": "string"},
                        "model_version": {"type": "string"},
                        "id": {"type": "string"},
                        "parameters": _PARAMETERS,
                        "outputs": _tensors("name", "datatype", "shape"),
                    },
                }
            },
            BINARY_TYPE: _BINARY,
        },
    }
}


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
        control: Knows which could be.
        admission: Knows whether the service is draining.
    """
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol V2"])

    async def server_metadata() -> dict[str, Any]:
        return {
            "name": f"podium-{service}",
            "version": podium.__version__,
            "extensions": list(EXTENSIONS),
        }

    router.add_api_route("", server_metadata, summary="Server metadata")
    router.add_api_route("/", server_metadata, include_in_schema=False)

    @router.get("/health/live", summary="Is the process alive?")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @router.get(
        "/health/ready",
        summary="Is the service ready for requests?",
        responses=_not_ready({"ready": {"const": False}}),
    )
    async def ready(response: Response) -> dict[str, bool]:
        response.status_code = 503 if admission.draining else 200
        return {"ready": not admission.draining}

    @router.get("/models/{name}", summary="Model metadata")
    @router.get("/models/{name}/versions/{version}", summary="Model metadata of a version")
    async def model_metadata(name: str, version: str | None = None) -> dict[str, Any]:
        return _metadata(catalogue, catalogue.get(name, version).model)

    model_not_ready = _not_ready({"name": {"type": "string"}, "ready": {"const": False}})

    @router.get("/models/{name}/ready", summary="Is the model ready?", responses=model_not_ready)
    @router.get(
        "/models/{name}/versions/{version}/ready",
        summary="Is this version ready?",
        responses=model_not_ready,
    )
    async def model_ready(
        response: Response, name: str, version: str | None = None
    ) -> dict[str, Any]:
        ready = not admission.draining
        try:
            catalogue.get(name, version)
        except NotFound:
            known = await control.index()
            if not any(e.name == name and version in (None, e.version) for e in known):
                raise
            ready = False
        response.status_code = 200 if ready else 503
        return {"name": name, "ready": ready}

    for path, summary in (
        ("/models/{name}/infer", "Infer"),
        ("/models/{name}/versions/{version}/infer", "Infer with a version"),
    ):
        router.add_api_route(
            path,
            answered_at_the_door,
            methods=["POST"],
            summary=summary,
            response_class=Response,
            responses=_INFER_ANSWER,
            openapi_extra={**_INFER_BODY, "parameters": _path_parameters(path)},
        )
    return router


def _not_ready(properties: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {503: {"description": "No", "content": {JSON_TYPE: {"schema": schema}}}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in ("name", "version")
        if f"{{{name}}}" in path
    ]


def _metadata(catalogue: Catalogue, model: ServedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "versions": catalogue.versions(model.name),
        "platform": model.platform,
        "inputs": [spec.to_json() for spec in model.inputs],
        "outputs": [spec.to_json() for spec in model.outputs],
        "parameters": dict(model.parameters),
    }
