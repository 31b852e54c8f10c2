"""Errors in the Open Inference Protocol's shape: ``{"error": "<message>"}``."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from podium.errors import Overloaded, PodiumError, RequestTimeout, Unauthorized
from podium.wrong_values import in_plain_words

_log = logging.getLogger("podium.errors")


class ErrorBody(BaseModel):
    """The body of every error."""

    error: str


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "model": ErrorBody,
        "description": "Refused; the message names what is wrong and the remedy. "
        "429 comes with `Retry-After`.",
    },
    "5XX": {
        "model": ErrorBody,
        "description": "A stage has failed (502), nobody can answer now (503), or the time "
        "budget has run out (504).",
    },
}
"""Documents in OpenAPI the errors that every route may answer."""


def error_response(error: PodiumError) -> JSONResponse:
    """The answer to an error; errors of the service itself (5xx) are logged."""
    if error.status >= 500:
        _log.error("%s", error.message)
    return error_json(error.status, error.message, error_headers(error))


def error_headers(error: PodiumError) -> dict[str, str]:
    """Headers of the answer to an error."""
    if isinstance(error, Overloaded):
        return retry_headers(error.retry_after_s)
    if isinstance(error, Unauthorized):
        return {"www-authenticate": 'Bearer realm="podium"'}
    if isinstance(error, RequestTimeout):
        return {"connection": "close"}  # the rest of the body is not read
    return {}


def error_body(message: str) -> dict[str, str]:
    """``{"error": message}``."""
    return {"error": message}


def error_json(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A JSON answer with an error."""
    return JSONResponse(error_body(message), status, headers)


def retry_headers(retry_after_s: float) -> dict[str, str]:
    """``Retry-After`` in whole seconds, as HTTP has it, and the exact time in milliseconds."""
    return {
        "retry-after": str(max(1, math.ceil(retry_after_s))),
        "retry-after-ms": str(max(1, math.ceil(retry_after_s * 1e3))),
    }


def answer_errors(app: FastAPI) -> None:
    """Give the framework's errors the shape of ``ErrorBody``."""

    async def podium_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, PodiumError)  # noqa: S101 - registered for this class alone
        return error_response(error)

    app.add_exception_handler(PodiumError, podium_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    status, message, headers = http_error(request, error)
    return error_json(status, message, headers)


def http_error(request: Request, error: HTTPException) -> tuple[int, str, dict[str, str]]:
    """Status, message and headers for a request that the framework refuses."""
    message = str(error.detail)
    if error.status_code == 404:
        message = f"there is nothing at {request.url.path}; see /docs for what there is"
    elif error.status_code == 405:
        allowed = ", ".join(_methods(request))
        message = f"{request.method} is not allowed at {request.url.path}, only {allowed}"
        return 405, message, {"allow": allowed}
    return error.status_code, message, dict(error.headers or {})


def _methods(request: Request) -> list[str]:
    """All methods that the routes of the path allow (RFC 9110, 10.2.1)."""
    found = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**request.scope, "method": method})[0] == Match.FULL
            for route in request.app.router.routes
        )
    ]
    return [*found, "HEAD"] if "GET" in found else found


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "body"
    return error_json(400, f"{where}: {in_plain_words(first['msg'])}")
