"""Documented routes whose endpoints read the request themselves: what every frame passes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from podium.errors import PodiumError
from podium.serving.http.error_responses import ERROR_RESPONSES, error_response

MODEL = "podium.model"
"""Key of the name of the model in the scope of a request; the endpoint sets it for the metrics."""


class BytesResponse(Response):
    """An answer whose body and headers need no rendering.

    Args:
        body: The whole body.
        headers: Names in lower case -> values.
    """

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
        ]


class RawRoute(APIRoute):
    """``POST`` to a path, answered by a function of the request.

    The infer routes and the pipelines are such routes: their bodies are not JSON, so the framework
    cannot parse them. OpenAPI describes them like other routes.

    Args:
        path: With its variables in braces.
        endpoint: Answers a request; the variables are in ``request.path_params``.
        responses: Documents the answers other than the errors that every route may answer.
        documentation: Further arguments of ``APIRoute``.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        *,
        responses: Mapping[int | str, dict[str, Any]],
        **documentation: Any,
    ) -> None:
        super().__init__(
            path,
            endpoint,
            methods=["POST"],
            responses={**ERROR_RESPONSES, **responses},
            **documentation,
        )
        # The framework's patterns end in $, which lets a line feed pass.
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z")

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                response = await endpoint(Request(scope, receive, send))
            except PodiumError as error:
                response = error_response(error)
            await response(scope, receive, send)

        self.app = answer


class RawRoutes:
    """ASGI middleware, the innermost: finds the raw routes without the framework's router.

    The router and the layers around it cost a request twice as much as the search itself. It still
    answers other methods than ``POST``.
    """

    def __init__(self, app: ASGIApp, *, routes: Sequence[RawRoute]) -> None:
        self.app = app
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            for route in self.routes:
                match, found = route.matches(scope)
                if match == Match.FULL:
                    scope.update(found)
                    await route.app(scope, receive, send)
                    return
        await self.app(scope, receive, send)
