"""Stops the work of a request whose client has gone."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CancelOnDisconnect:
    """ASGI middleware: once the body is read, a disconnect cancels the request's task.

    So a client that gives up frees its rows in every queue at once: the gateway's calls to the
    stages are cancelled with it, which closes their connections, which cancels them there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = asyncio.current_task()
        watcher: asyncio.Task[Message] | None = None
        finished = False

        def on_message(watching: asyncio.Task[Message]) -> None:
            if not finished and not watching.cancelled() and request is not None:
                request.cancel()

        async def watched_receive() -> Message:
            nonlocal watcher
            if watcher is not None:  # the body is read: only a disconnect can follow
                return await asyncio.shield(watcher)
            message = await receive()
            if not message.get("more_body", False):
                watcher = asyncio.ensure_future(_receive(receive))
                watcher.add_done_callback(on_message)
            return message

        async def tracked_send(message: Message) -> None:
            nonlocal finished
            # After the last byte uvicorn reports a disconnect for what is a normal end.
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                finished = True
            await send(message)

        try:
            await self.app(scope, watched_receive, tracked_send)
        except asyncio.CancelledError:
            if watcher is None or not watcher.done() or request is None:
                raise  # cancelled from elsewhere, such as at shutdown
            request.uncancel()
        finally:
            finished = True
            if watcher is not None:
                watcher.cancel()


async def _receive(receive: Receive) -> Message:
    return await receive()
