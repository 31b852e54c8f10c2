"""Routes of Triton's extensions: model repository, model configuration, statistics.

Sources: the documents of these names in Triton's HTTP protocol. Clients send no content type, so
bodies are read raw.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Request

from podium.errors import InvalidInput
from podium.serving.http.bodies import parse_charged, read_body
from podium.serving.oip.catalogue import Catalogue, Entry
from podium.serving.oip.model_config import model_config
from podium.serving.oip.model_control import IndexEntry, ModelControl
from podium.wire.json_values import read_object

_VERSION = re.compile(r"[1-9][0-9]{0,8}")


def _json_body(properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


_INDEX_BODY = _json_body({"ready": {"type": "boolean"}})
_CONTROL_BODY = _json_body(
    {
        "parameters": {
            "type": "object",
            "properties": {
                "version": {"type": "string", "pattern": f"^{_VERSION.pattern}$"},
                "unload_dependents": {"type": "boolean"},
            },
            "additionalProperties": False,
        }
    }
)


def triton_router(catalogue: Catalogue, control: ModelControl) -> APIRouter:
    """Routes under ``/v2``; include them before those of the protocol, which match more paths."""
    router = APIRouter(prefix="/v2", tags=["Triton extensions"])

    @router.post("/repository/index", summary="What could be served", openapi_extra=_INDEX_BODY)
    async def index(request: Request) -> list[IndexEntry]:
        body = await _read_object(request)
        only_ready = body.get("ready", False)
        if not isinstance(only_ready, bool):
            raise InvalidInput("must be true or false", field="ready")
        entries = await control.index()
        return [entry for entry in entries if entry.state == "READY" or not only_ready]

    @router.post(
        "/repository/models/{name}/load",
        summary="Load a model, or swap it for what the repository has now",
        openapi_extra=_CONTROL_BODY,
    )
    async def load(request: Request, name: str) -> dict[str, Any]:
        await control.load(name, await _read_version(request))
        return {}

    @router.post(
        "/repository/models/{name}/unload",
        summary="Unload a model",
        openapi_extra=_CONTROL_BODY,
    )
    async def unload(request: Request, name: str) -> dict[str, Any]:
        await control.unload(name, await _read_version(request))
        return {}

    @router.get("/models/{name}/config", summary="Model configuration")
    @router.get("/models/{name}/versions/{version}/config", summary="Configuration of a version")
    async def config(name: str, version: str | None = None) -> dict[str, Any]:
        return model_config(catalogue.get(name, version))

    @router.get("/models/stats", summary="Statistics of all models")
    async def all_statistics() -> dict[str, Any]:
        return _statistics(list(catalogue))

    @router.get("/models/{name}/stats", summary="Statistics of every version of a model")
    @router.get("/models/{name}/versions/{version}/stats", summary="Statistics of a version")
    async def statistics(name: str, version: str | None = None) -> dict[str, Any]:
        entry = catalogue.get(name, version)
        return _statistics([entry] if version else catalogue.entries(name))

    return router


def _statistics(entries: list[Entry]) -> dict[str, Any]:
    return {
        "model_stats": [
            entry.statistics.to_json(entry.model.name, entry.model.version) for entry in entries
        ]
    }


async def _read_object(request: Request) -> dict[str, Any]:
    """A JSON object; an empty body is an empty object."""
    body = await read_body(request) or b"{}"
    return await parse_charged(read_object, body, len(body))


async def _read_version(request: Request) -> str | None:
    """The version to load or unload; None: all.

    ``unload_dependents`` has no effect: no model depends on another. Triton's ``config`` and
    ``file:`` are refused: only verified models of the repository are served.
    """
    parameters = (await _read_object(request)).get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidInput("must be an object", field="parameters")
    for key in parameters.keys() - {"version", "unload_dependents"}:
        raise InvalidInput(
            "is not taken; known are version, unload_dependents", field=f"parameters.{key}"
        )
    if "version" not in parameters:
        return None
    version = parameters["version"]
    if isinstance(version, bool) or not _VERSION.fullmatch(str(version)):
        raise InvalidInput("must be a whole number above 0", field="parameters.version")
    return str(version)
