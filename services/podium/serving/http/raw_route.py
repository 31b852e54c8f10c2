"""A documented route whose endpoint reads the request itself."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from podium.serving.http.error_responses import ERROR_RESPONSES


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
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = answer
