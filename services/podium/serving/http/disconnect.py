"""Stops the work of a request whose client has disconnected."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

ON_DISCONNECT = "podium.on_disconnect"
"""Key in a request's scope of the function that the server calls when the client disconnects."""


class CancelOnDisconnect:
    """ASGI middleware: a disconnect before the end of the answer cancels the request's task.

    So a client that gives up frees its rows in every queue at once: the gateway cancels its calls
    to the stages, which closes their connections, which cancels the requests in the stages.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = asyncio.current_task()
        if scope["type"] != "http" or request is None:
            await self.app(scope, receive, send)
            return
        gone = False

        def on_disconnect() -> None:
            nonlocal gone
            gone = True
            request.cancel()

        scope[ON_DISCONNECT] = on_disconnect
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            if not gone:
                raise  # cancelled from elsewhere, such as at shutdown
            request.uncancel()
        finally:
            del scope[ON_DISCONNECT]
