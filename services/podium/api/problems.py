"""Errors as problem details (RFC 9457), with code, request id and pointers to the wrong fields."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium.errors import InvalidInput, NotFound, PodiumError, SetupError
from podium.schemas.problems import Problem, ProblemPointer
from podium.serving.http.error_responses import error_headers, http_error
from podium.serving.observing.request_context import current_request
from podium.wire import read_error
from podium.wrong_values import in_plain_words

PROBLEM_TYPE = "application/problem+json"
MEANING: dict[int, tuple[str, str, str]] = {
    400: ("invalid_input", "Malformed request", "The request cannot be read; mend it."),
    401: ("unauthorized", "No valid key", "Send a key as X-Api-Key, or a token as bearer."),
    403: ("forbidden", "Not allowed", "The key may not do this; the detail says what it lacks."),
    404: ("not_found", "Not found", "It does not exist, or belongs to another project."),
    405: ("method_not_allowed", "Method not allowed", "The path takes other methods."),
    408: ("request_timeout", "Request too slow", "Send the request faster."),
    409: ("conflict", "Conflict", "The state of the object does not allow it now."),
    412: ("outdated", "Changed meanwhile", "Read the object again, and send its ETag."),
    413: ("too_large", "Too large", "Over a limit of size, length or count."),
    415: ("unsupported_media", "Not read", "Send another format."),
    422: ("unprocessable", "Wrong values", "The errors name the fields and what is wrong."),
    429: ("overloaded", "Too many requests", "Come back after the time in Retry-After."),
    500: ("internal", "Internal error", "A fault of Podium; its log has the request id."),
    502: ("stage_failed", "A stage failed", "Something behind the api answered with an error."),
    503: ("unavailable", "Unavailable", "Try again in a moment."),
    504: ("deadline_exceeded", "Timed out", "Something behind the api took too long."),
}
"""Status -> code, title, and what to do."""

_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})
_MOST_POINTERS = 20
_log = logging.getLogger("podium.errors")


def answer_problems(app: FastAPI) -> None:
    """Answer errors as problem details, except under ``/v2``, whose protocol has other ones."""
    app.add_exception_handler(PodiumError, _podium_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_middleware(RefusalsAsProblems)  # outermost: it sees the refusals of the others


def problem(
    status: int,
    detail: str,
    path: str,
    *,
    errors: Sequence[ProblemPointer] = (),
    request_id: str | None = None,
) -> Problem:
    """The document of an error."""
    code, title, _ = MEANING.get(status, MEANING[500 if status >= 500 else 400])
    return Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        detail=_readable(detail),
        instance=_readable(path),
        code=code,
        request_id=current_request().request_id if request_id is None else request_id,
        retryable=status in _RETRYABLE,
        errors=list(errors)[:_MOST_POINTERS],
    )


class RefusalsAsProblems:
    """ASGI middleware: turns refusals of other middleware into problem details, too.

    Such refusals are small documents ``{"error": ...}``, sent as one message.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/v2/"):
            await self.app(scope, receive, send)
            return
        held: Message | None = None

        async def rewritten(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and message["status"] >= 400:
                if MutableHeaders(raw=message["headers"]).get("content-type") == "application/json":
                    held = message
                    return
            elif held is not None:
                start, held = held, None
                headers = MutableHeaders(raw=list(start["headers"]))
                told = problem(
                    start["status"],
                    read_error(message.get("body", b"")),
                    scope["path"],
                    request_id=headers.get("x-request-id", ""),
                )
                body = told.model_dump_json().encode()
                headers["content-type"] = PROBLEM_TYPE
                headers["content-length"] = str(len(body))
                await send({**start, "headers": headers.raw})
                message = {"type": "http.response.body", "body": body}
            await send(message)

        await self.app(scope, receive, rewritten)


async def _podium_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PodiumError)  # noqa: S101 - registered for this class alone
    if error.status >= 500:
        _log.error("%s", error.message)
    detail = error.message
    if isinstance(error, SetupError):
        detail = "the installation lacks something; its log has what, under this request id"
    errors = []
    if isinstance(error, InvalidInput) and error.field is not None:
        said = error.message.removeprefix(f"{error.field}: ")
        errors = [ProblemPointer(detail=_readable(said), pointer=_place(request, error.field))]
    told = problem(error.status, detail, request.url.path, errors=errors)
    return _answer(told, error_headers(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    status, message, headers = http_error(request, error)
    return _answer(problem(status, message, request.url.path), headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    found = error.errors()
    for each in found:
        if each["loc"][0] == "path":
            return await _podium_error(request, NotFound("there is no such object"))
    errors = [
        ProblemPointer(
            detail=_readable(in_plain_words(each["msg"])), pointer=_readable(_pointer(each["loc"]))
        )
        for each in found[:_MOST_POINTERS]
    ]
    malformed = any(each["type"] == "json_invalid" for each in found)
    where = f"{_named(errors[0].pointer)}: " if errors else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    detail = f"{where}{errors[0].detail}{more}" if errors else "the request cannot be read"
    status = 400 if malformed else 422
    return _answer(problem(status, detail, request.url.path, errors=errors))


def _answer(told: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(told.model_dump_json(), told.status, headers, media_type=PROBLEM_TYPE)


def _pointer(place: Sequence[Any]) -> str:
    if place[0] != "body":
        return ".".join(str(part) for part in place[1:]) or str(place[0])
    # Pydantic names the branches of a union too; people do not.
    parts = [str(part) for part in place[1:] if not re.match(r"[A-Z\w]+\[", str(part))]
    return "#" + "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)


def _named(pointer: str) -> str:
    """A pointer as people name a field."""
    return "body" if pointer == "#" else pointer.removeprefix("#/").replace("/", ".")


def _place(request: Request, field: str) -> str:
    """Where a field is: in the body, unless the query or the headers have it."""
    in_body = request.method in ("POST", "PUT") and field not in request.query_params
    if not in_body or field.lower() in request.headers:
        return field
    return "#/" + field.replace(".", "/")


def _readable(text: str) -> str:
    """Text that can be written as UTF-8, whatever the request had in it."""
    return text.encode("utf-8", "replace").decode()
