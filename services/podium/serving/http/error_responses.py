"""Errors in the Open Inference Protocol's shape: ``{"error": "<message>"}``."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from podium.errors import Overloaded, PodiumError, RequestTimeout
from podium.serving.http.admission import retry_headers

_log = logging.getLogger("podium.errors")


class ErrorBody(BaseModel):
    """What every error is answered with."""

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
"""For the OpenAPI page of a service; every route may answer these."""


def error_response(error: PodiumError) -> JSONResponse:
    """The answer that says what is wrong; Podium's own faults are logged."""
    headers = None
    if isinstance(error, Overloaded):
        headers = retry_headers(error.retry_after_s)
    elif isinstance(error, RequestTimeout):
        headers = {"connection": "close"}  # the rest of the body is not waited for
    if error.status >= 500:
        _log.error("%s", error.message)
    return _response(error.status, error.message, headers)


def answer_errors(app: FastAPI) -> None:
    """Let the framework's errors have the same shape."""

    async def podium_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, PodiumError)  # noqa: S101 - registered for this class alone
        return error_response(error)

    app.add_exception_handler(PodiumError, podium_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


def _response(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    message = str(error.detail)
    if error.status_code == 404:
        message = f"there is nothing at {request.url.path}; see /docs for what there is"
    elif error.status_code == 405:
        message = f"{request.method} is not allowed at {request.url.path}; see /docs"
    return _response(error.status_code, message, dict(error.headers or {}))


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "body"
    return _response(400, f"{where}: {first['msg']}")
