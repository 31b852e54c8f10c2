"""The outermost middleware: measures a request, logs it and reports its times to the client."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium.errors import RequestTimeout, TooLarge
from podium.serving.http.bodies import NOTHING_STREAMED, declared_bytes, streamed_limit
from podium.serving.http.error_responses import error_json
from podium.serving.http.raw_route import MODEL
from podium.serving.http.slow_clients import CLIENT, Client
from podium.serving.observing.request_context import (
    REQUEST_ID,
    TRACEPARENT,
    TRACESTATE,
    RequestContext,
    enter_request,
    leave_request,
)
from podium.serving.observing.telemetry import Metrics
from podium.serving.observing.tracing import Tracing

CLIENT_CLOSED = 499
"""Nginx's status for a client that disconnects before the answer; it appears only in logs."""

_log = logging.getLogger("podium.request")
_ID = r"[\w.:/+=-]{1,128}"
_SAFE_ID = re.compile(f"{_ID}(~{_ID}){{0,7}}", re.ASCII)
"""One id; calls that are made for several requests have the ids of all, up to eight."""
QUIET_PATHS = ("/v2/health/", "/metrics")
"""Asked every few seconds: logged only at level debug, and not traced."""
_DISCARD_S = 10.0
_DISCARD_LIMITS = 4
"""For how many seconds, and up to how many times the limit, a too large body is discarded."""
_HEADERS = frozenset(
    name.encode() for name in (REQUEST_ID, TRACEPARENT, TRACESTATE, "content-length", "expect")
)


class RequestTelemetry:
    """ASGI middleware: request id, body limit, ``Server-Timing``, metrics, one log line.

    Args:
        app: The app to measure.
        metrics: Where to count.
        max_body_bytes: Larger bodies end the request with TooLarge.
        tracing: Makes spans; None: the caller's trace headers are passed on unchanged.
        streamed: Path prefix -> largest body in bytes, for bodies that are never held as a whole.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        max_body_bytes: int,
        tracing: Tracing | None = None,
        streamed: Mapping[str, int] = NOTHING_STREAMED,
    ) -> None:
        self.app = app
        self.streamed = streamed
        self.metrics = metrics
        self.max_body_bytes = max_body_bytes
        self._new_request = RequestContext if tracing is None else tracing.request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {
            name: value.decode("latin-1") for name, value in scope["headers"] if name in _HEADERS
        }
        given = headers.get(b"x-request-id", "")
        request = self._new_request(
            given if _SAFE_ID.fullmatch(given) else secrets.token_hex(16),
            headers.get(b"traceparent", ""),
            headers.get(b"tracestate", ""),
        )
        request.max_body_bytes = self.max_body_bytes
        declared = headers.get(b"content-length", "")
        exchange = _Exchange(
            request,
            receive,
            send,
            declared_bytes=declared_bytes(declared),
            max_body_bytes=streamed_limit(self.streamed, scope["path"]) or self.max_body_bytes,
            waits_for_continue=b"expect" in headers,
            client=scope.get(CLIENT),
        )
        token = enter_request(request)
        self.metrics.in_flight += 1
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except Exception:
            _log.exception("unexpected error")
            if exchange.status != CLIENT_CLOSED:
                raise
            message = f"internal error; the log has it under request id {request.request_id}"
            await error_json(500, message)(scope, receive, exchange.send)
        finally:
            self.metrics.in_flight -= 1
            self._report(scope, exchange, time.perf_counter() - exchange.started)
            leave_request(token)

    def _report(self, scope: Scope, exchange: _Exchange, seconds: float) -> None:
        request = exchange.request
        # The route fills in the model; only known names become labels.
        model = scope.get(MODEL, "")
        self.metrics.observe_request(model, exchange.status, seconds, exchange.received_bytes)
        level = logging.DEBUG if scope["path"].startswith(QUIET_PATHS) else logging.INFO
        if not _log.isEnabledFor(level):
            return
        fields: dict[str, object] = {
            "method": scope["method"],
            "path": scope["path"],
            "status": exchange.status,
            "duration_ms": round(seconds * 1e3, 2),
            "bytes_in": exchange.received_bytes,
            "bytes_out": exchange.sent_bytes,
        }
        if model:
            fields["model"] = model
        if request.phases:
            fields["timing_ms"] = request.timing_ms()
        if request.api_key:
            fields["api_key"] = request.api_key
        # Made by hand: the logger would search the stack for file and line, which are not logged.
        record = _log.makeRecord(
            _log.name, level, "", 0, "request", (), None, extra={"fields": fields}
        )
        _log.handle(record)


class _Exchange:
    """Counts the messages of one request."""

    __slots__ = (
        "_client",
        "_declared_bytes",
        "_max_body_bytes",
        "_receive",
        "_send",
        "_waited_s",
        "_waits_for_continue",
        "received_bytes",
        "request",
        "sent_bytes",
        "started",
        "status",
    )

    def __init__(
        self,
        request: RequestContext,
        receive: Receive,
        send: Send,
        *,
        declared_bytes: int,
        max_body_bytes: int,
        waits_for_continue: bool,
        client: Client | None,
    ) -> None:
        self.request = request
        self.status = CLIENT_CLOSED
        self.received_bytes = 0
        self.sent_bytes = 0
        self.started = time.perf_counter()
        self._receive = receive
        self._send = send
        self._declared_bytes = declared_bytes
        self._max_body_bytes = max_body_bytes
        self._waited_s = 0.0
        self._waits_for_continue = waits_for_continue
        self._client = client

    async def receive(self) -> Message:
        if self._declared_bytes > self._max_body_bytes:
            await self._discard()
            raise self._too_large()
        waiting_since = time.perf_counter()
        message = await self._receive()
        if self._client is not None and self._client.too_slow:
            raise RequestTimeout(self._client.slow_client_limit.message)
        if message["type"] == "http.request":
            self._waited_s += time.perf_counter() - waiting_since
            if not message.get("more_body", False):
                self.request.phases["receive"] = self._waited_s
            self.received_bytes += len(message.get("body", b""))
            if self.received_bytes > self._max_body_bytes:
                raise self._too_large()
        return message

    def _too_large(self) -> TooLarge:
        return TooLarge(f"is over the limit of {self._max_body_bytes} bytes", field="body")

    async def _discard(self) -> None:
        """Read and discard for a while: a client may send its whole body before it reads."""
        if self._waits_for_continue:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_S):
                more = True
                while more and self.received_bytes < _DISCARD_LIMITS * self._max_body_bytes:
                    message = await self._receive()
                    self.received_bytes += len(message.get("body", b""))
                    more = message.get("more_body", False)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            timing = self.request.server_timing(time.perf_counter() - self.started)
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request.request_id.encode("latin-1")),
                (b"server-timing", timing.encode("latin-1")),
            ]
        else:
            self.sent_bytes += len(message.get("body", b""))
        await self._send(message)
