"""The routes that every frame passes, answered before the framework's router.

Routing and dependency solving cost more there than the work itself. The framework's routers
document these routes, and the framework answers all others.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from podium.errors import PodiumError
from podium.serving.http.error_responses import error_response


@dataclass(frozen=True, slots=True)
class DoorRoute:
    """``POST`` to a path that ``pattern`` matches; its groups go to ``answer``."""

    path: str  # as the documents and the traces name it
    pattern: re.Pattern[str]
    answer: Callable[..., Awaitable[Response]]  # (request, *groups)


class Door:
    """ASGI middleware: answers its routes, and leaves the rest to the app."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[DoorRoute]) -> None:
        self.app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            for route in self._routes:
                asked = route.pattern.fullmatch(scope["path"])
                if asked is not None:
                    trace.get_current_span().update_name(f"POST {route.path}")
                    response = await _answer(route, Request(scope, receive, send), asked.groups())
                    await response(scope, receive, send)
                    return
        await self.app(scope, receive, send)


async def _answer(route: DoorRoute, request: Request, groups: tuple[Any, ...]) -> Response:
    try:
        return await route.answer(request, *groups)
    except PodiumError as error:
        return error_response(error)


async def answered_at_the_door() -> Response:
    """Stands in the framework's router for a route of ``Door``, for the documentation alone.

    Raises:
        HTTPException: the path ends in a line feed, which the router lets pass and the door does
            not.
    """
    raise HTTPException(404)
