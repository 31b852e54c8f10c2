"""The routes of the Open Inference Protocol V2 (REST), the same in every service.

Source: the OIP V2 REST specification with the binary tensor data extension. Bodies are read raw:
OIP clients send no content type, and binary tensors are not JSON.
"""

from __future__ import annotations

import zlib
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

import podium
from podium.errors import InvalidInput, NotFound, TooLarge, UnsupportedMedia
from podium.serving.admission import Admission
from podium.serving.catalogue import Catalogue
from podium.serving.deadline import ENVOY_TIMEOUT, budget_s, time_limit
from podium.serving.model_control import ModelControl
from podium.serving.served_model import ServedModel
from podium.serving.settings import ServiceSettings
from podium.wire import HEADER_LENGTH, InferRequest, read_raw, read_request, write_response

EXTENSIONS = ("binary_tensor_data", "model_repository", "model_configuration", "statistics")
"""The last three are in ``triton_extensions``."""

_INFER_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An OIP V2 infer request: JSON, or JSON followed by binary tensors.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string"},
                        "parameters": {"type": "object"},
                        "inputs": {"type": "array", "items": {"type": "object"}},
                        "outputs": {"type": "array", "items": {"type": "object"}},
                    },
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def oip_router(
    service: str,
    catalogue: Catalogue,
    control: ModelControl,
    settings: ServiceSettings,
    admission: Admission,
) -> APIRouter:
    """Routes under ``/v2`` for the models of a catalogue.

    Args:
        service: Name in the metadata and in errors.
        catalogue: The models that are served.
        control: Knows which could be.
        settings: Limits.
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

    @router.get("/health/ready", summary="Is the service ready for requests?")
    async def ready(response: Response) -> dict[str, bool]:
        response.status_code = 503 if admission.draining else 200
        return {"ready": not admission.draining}

    @router.get("/models/{name}", summary="Model metadata")
    @router.get("/models/{name}/versions/{version}", summary="Model metadata of a version")
    async def model_metadata(name: str, version: str | None = None) -> dict[str, Any]:
        return _metadata(catalogue, catalogue.get(name, version).model)

    @router.get("/models/{name}/ready", summary="Is the model ready?")
    @router.get("/models/{name}/versions/{version}/ready", summary="Is this version ready?")
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

    @router.post("/models/{name}/infer", summary="Infer", openapi_extra=_INFER_BODY)
    @router.post(
        "/models/{name}/versions/{version}/infer",
        summary="Infer with a version",
        openapi_extra=_INFER_BODY,
    )
    async def infer(request: Request, name: str, version: str | None = None) -> Response:
        entry = catalogue.get(name, version)
        model = entry.model
        request.state.podium_model = model.name
        body = await read_body(request, settings.max_body_bytes)
        header_length = request.headers.get(HEADER_LENGTH)
        if header_length == "0":
            decoded = read_raw(body, model.inputs)
        else:
            decoded = read_request(body, header_length)
        _check_inputs(model, decoded)
        budget = budget_s(decoded.parameters, request.headers.get(ENVOY_TIMEOUT))
        async with time_limit(budget, service):
            with entry.statistics.request():
                result = await model.infer(decoded)
        answer = write_response(model.name, model.version, decoded, result)
        return Response(answer.data, headers=answer.headers)

    return router


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body, decompressed where the client compressed it.

    Raises:
        TooLarge: over ``max_bytes`` before or after decompression.
        InvalidInput: not what its ``Content-Encoding`` says.
    """
    body = await request.body()
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "deflate"}:
        raise UnsupportedMedia(f"{encoding!r} is not read; use gzip", field="content-encoding")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by its header
    try:
        body = inflate.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InvalidInput(f"does not decompress ({error})", field="body") from None
    if len(body) > max_bytes:
        raise TooLarge(f"decompresses to more than {max_bytes} bytes", field="body")
    if not inflate.eof:
        raise InvalidInput("ends in the middle of the compressed data", field="body")
    return body


def _metadata(catalogue: Catalogue, model: ServedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "versions": catalogue.versions(model.name),
        "platform": model.platform,
        "inputs": [spec.to_json() for spec in model.inputs],
        "outputs": [spec.to_json() for spec in model.outputs],
        "parameters": dict(model.parameters),
    }


def _check_inputs(model: ServedModel, request: InferRequest) -> None:
    specs = {spec.name: spec for spec in model.inputs}
    for name, array in request.inputs.items():
        if name not in specs:
            raise InvalidInput(
                f"model {model.name!r} has no such input; it has {', '.join(specs)}", field=name
            )
        specs[name].check(array)
    for name, spec in specs.items():
        if not spec.optional and name not in request.inputs:
            raise InvalidInput(
                f"is missing; model {model.name!r} wants {spec.datatype} {list(spec.shape)}",
                field=name,
            )
