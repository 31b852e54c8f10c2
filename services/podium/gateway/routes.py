"""The gateway's own routes, ``/v1``: pipelines and postprocessing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from podium.errors import InvalidInput
from podium.gateway.forms import read_form
from podium.gateway.ndjson import NDJSON, ndjson
from podium.gateway.pipelines import Pipelines
from podium.gateway.results_apart import cut_results
from podium.pipelines.spec import PipelineRequest
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import PipelineResult
from podium.schemas.summary import PostprocessResult
from podium.serving.http.bodies import parse_charged, read_body
from podium.serving.http.raw_route import MODEL, BytesResponse, RawRoute
from podium.serving.observing.deadline import ENVOY_TIMEOUT, budget_s, time_limit
from podium.stages import Postprocess
from podium.types import Media
from podium.wire.json_values import read_object
from podium.wire.parameters import read_parameters

_TAG = "Pipelines"


def _option_schemas() -> dict[str, dict[str, Any]]:
    """Option -> JSON schema, without ``null``: in a query an option is left out instead."""
    schemas = {}
    for name, schema in PipelineRequest.model_json_schema()["properties"].items():
        choices = [c for c in schema.pop("anyOf", []) if c != {"type": "null"}]
        if choices:
            del schema["default"]
        schemas[name] = {**schema, **(choices[0] if choices else {})}
    return schemas


_OPTIONS = _option_schemas()
_REQUEST_BODY: dict[str, Any] = {
    "parameters": [
        {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
        *({"name": name, "in": "query", "schema": schema} for name, schema in _OPTIONS.items()),
    ],
    "requestBody": {
        "required": True,
        "description": "The media itself, with options in the query; or a form with the media in "
        "`media` and options beside it; or JSON with the address of the media and options.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {
                        "uri": {
                            "type": "string",
                            "minLength": 1,
                            "examples": ["s3://clips/sprint.mp4"],
                        },
                        **_OPTIONS,
                    },
                }
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["media"],
                    "properties": {"media": {"type": "string", "format": "binary"}, **_OPTIONS},
                }
            },
            "video/mp4": {"schema": {"type": "string", "format": "binary"}},
            "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
        },
    },
}


class PostprocessRequest(PostprocessOptions):
    """Body of a postprocessing request: addresses and options."""

    source: str = Field(description="Address of the video.", max_length=4096)
    output: str = Field(description="Address of the folder to write to.", max_length=4096)
    results_uri: str | None = Field(
        default=None, description="Address of the frame results.", max_length=4096
    )
    results: list[dict[str, Any]] | None = Field(
        default=None, max_length=250_000, description="Or the frame results: answers of a pipeline."
    )

    @property
    def options(self) -> PostprocessOptions:
        """The options that were given."""
        given = self.model_fields_set & PostprocessOptions.model_fields.keys()
        return PostprocessOptions(**{name: getattr(self, name) for name in given})


_POSTPROCESS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Addresses, and the options of postprocessing beside them.",
        "content": {"application/json": {"schema": PostprocessRequest.model_json_schema()}},
    }
}


def pipeline_router(pipelines: Pipelines, postprocess: Postprocess) -> APIRouter:
    """Routes for pipelines and postprocessing."""
    router = APIRouter(prefix="/v1", tags=[_TAG])

    @router.get("/pipelines", summary="The pipelines there are")
    async def list_pipelines() -> dict[str, list[dict[str, Any]]]:
        return {
            "pipelines": [
                {"name": p.name, "description": p.spec.description} for p in pipelines.all()
            ]
        }

    @router.get("/pipelines/{name}", summary="One pipeline, as its document")
    async def show_pipeline(name: str) -> dict[str, Any]:
        return pipelines.get(name).model_dump(mode="json", by_alias=True)

    @router.post(
        "/postprocess",
        summary="Frame results of a whole video to CSV, biomechanics, overlay and report",
        response_model=PostprocessResult,
        openapi_extra=_POSTPROCESS_BODY,
    )
    async def run_postprocess(request: Request) -> Response:
        rest, results = cut_results(await read_body(request))
        values = await parse_charged(read_object, rest, len(rest))
        body = read_parameters(PostprocessRequest, values)
        budget = budget_s({}, request.headers.get(ENVOY_TIMEOUT))
        if (body.results is None) == (body.results_uri is None):
            raise InvalidInput("give exactly one of results and results_uri", field="results")
        async with time_limit(budget, "gateway"):
            answer = await postprocess.postprocess(
                body.source,
                body.output,
                body.options,
                results=None if body.results is None else results,
                results_uri=body.results_uri,
            )
        return Response(answer.model_dump_json(), media_type="application/json")

    return router


def pipeline_route(pipelines: Pipelines) -> RawRoute:
    """``POST /v1/pipelines/{name}``."""

    async def run_pipeline(request: Request) -> Response:
        pipeline = pipelines.get(request.path_params["name"])
        request.scope[MODEL] = pipeline.name
        media, options = await _read(request)
        budget = budget_s({}, request.headers.get(ENVOY_TIMEOUT))
        if NDJSON in request.headers.get("accept", ""):
            lines = ndjson(pipelines.stream(pipeline, media, options), budget)
            head = await anext(lines)  # raises if the request is wrong
            return StreamingResponse(_following(head, lines), media_type=NDJSON)
        async with time_limit(budget, "gateway"):
            answer = await pipelines.run(pipeline, media, options)
        return BytesResponse(answer.to_json(), {"content-type": "application/json"})

    return RawRoute(
        "/v1/pipelines/{name}",
        run_pipeline,
        tags=[_TAG],
        summary="Media in, key points out",
        response_model=PipelineResult,
        responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
        openapi_extra=_REQUEST_BODY,
    )


async def _following(
    head: bytes, lines: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(lines):
        yield head
        async for line in lines:
            yield line


async def _read(request: Request) -> tuple[Media, PipelineRequest]:
    """The media and the options of a request in any of its three forms."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    query: dict[str, Any] = dict(request.query_params)
    body = await read_body(request)
    if kind == "multipart/form-data":
        media, fields = read_form(body, request.headers["content-type"])
        if media is None:
            raise InvalidInput("is missing: the file of the form", field="media")
        if not media:
            raise InvalidInput("is empty", field="media")
        return Media(data=media), read_parameters(PipelineRequest, fields | query, reserved=False)
    if kind == "application/json":
        options = await parse_charged(read_object, body, len(body)) | query
        uri = options.pop("uri", None)
        if not isinstance(uri, str) or not uri:
            raise InvalidInput("is missing: the address of the media", field="uri")
        return Media(uri=uri), read_parameters(PipelineRequest, options, reserved=False)
    if not body:
        raise InvalidInput(
            "is empty; send a video or a picture, a form with the field media, or JSON with uri",
            field="body",
        )
    return Media(data=body), read_parameters(PipelineRequest, query, reserved=False)
