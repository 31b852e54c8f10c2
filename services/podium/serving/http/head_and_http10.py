"""``HEAD`` wherever there is ``GET``, and answers of known length for HTTP/1.0."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAndHttp10:
    """ASGI middleware: duties of an HTTP server that the framework leaves to its users.

    ``HEAD`` is answered like ``GET``; the server leaves the body out (RFC 9110, 9.3.2). HTTP/1.0
    has no chunked coding (RFC 9112, 6.1), so an answer of unknown length is collected first.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}
            if scope["http_version"] == "1.0":
                send = _Collected(send)
        await self.app(scope, receive, send)


class _Collected:
    """Sends an answer once it is complete, with its length."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name for name, _ in message.get("headers", ())}
            if b"content-length" not in names:
                self._start = message
                return
        if self._start is not None:
            self._body.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            body = b"".join(self._body)
            headers = [*self._start.get("headers", ()), (b"content-length", b"%d" % len(body))]
            await self._send({**self._start, "headers": headers})
            message = {"type": "http.response.body", "body": body}
        await self._send(message)
