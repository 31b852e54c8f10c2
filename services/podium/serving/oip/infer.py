"""The infer routes of the Open Inference Protocol.

Source: the OIP V2 REST specification with the binary tensor data extension. Bodies are read raw:
OIP clients send no content type, and binary tensors are not JSON.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from podium.serving.http.bodies import parse_charged, read_body
from podium.serving.http.raw_route import MODEL, BytesResponse, RawRoute
from podium.serving.observing.deadline import ENVOY_TIMEOUT, budget_s, time_limit
from podium.serving.oip.catalogue import Catalogue
from podium.wire import (
    BINARY_TYPE,
    DATATYPES,
    HEADER_LENGTH,
    JSON_TYPE,
    read_raw,
    read_request,
    write_response,
)
from podium.wire.reading import json_bytes
from podium.wire.tensors import check_tensors

OIP_TAG = "Open Inference Protocol V2"
"""Heading of the OpenAPI page."""


_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


def _tensors(*required: str) -> dict[str, Any]:
    """The JSON schema of a list of tensors with these required fields."""
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


def infer_routes(service: str, catalogue: Catalogue) -> list[RawRoute]:
    """``POST /v2/models/{name}[/versions/{version}]/infer``.

    Args:
        service: Name of the service in errors.
        catalogue: The models.
    """

    async def infer(request: Request) -> Response:
        entry = catalogue.get(request.path_params["name"], request.path_params.get("version"))
        model = entry.model
        request.scope[MODEL] = model.name
        body = await read_body(request)
        header_length = request.headers.get(HEADER_LENGTH)
        if header_length == "0":
            asked = read_raw(body, model.inputs)
        else:
            size = json_bytes(body, header_length)
            asked = await parse_charged(read_request, body, size, header_length)
        check_tensors(model.name, model.inputs, asked.inputs)
        budget = budget_s(asked.parameters, request.headers.get(ENVOY_TIMEOUT))
        async with time_limit(budget, service):
            with entry.statistics.request():
                result = await model.infer(asked)
        answer = write_response(model.name, model.version, asked, result)
        return BytesResponse(answer.data, answer.headers)

    return [
        RawRoute(
            path,
            infer,
            tags=[OIP_TAG],
            summary=summary,
            response_class=Response,
            responses=_INFER_ANSWER,
            openapi_extra={**_INFER_BODY, "parameters": _path_parameters(path)},
        )
        for path, summary in (
            ("/v2/models/{name}/infer", "Infer"),
            ("/v2/models/{name}/versions/{version}/infer", "Infer with a version"),
        )
    ]


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in ("name", "version")
        if f"{{{name}}}" in path
    ]
