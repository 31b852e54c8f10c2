"""Decides whether a request is taken on, before its body is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium.errors import Overloaded
from podium.serving.http.bodies import NOTHING_STREAMED, declared_bytes, streamed_limit
from podium.serving.http.error_responses import error_json, retry_headers
from podium.serving.http.slow_clients import CLIENT, Client
from podium.serving.observing.request_context import current_request
from podium.serving.observing.telemetry import Metrics

_WORK = ("POST", "PUT")


@dataclass
class Admission:
    """Counts the requests and bytes in flight against their limits.

    Args:
        max_requests: Requests worked on at the same time. Health, metadata, metrics and requests
            that wait for their clients do not count.
        max_bytes: Bytes of bodies at the same time, by declared or received length, decompressed.
            The write buffers may take as many bytes again.
    """

    max_requests: int
    max_bytes: int
    requests: int = 0
    waiting: int = 0  # requests that wait for their clients to send a body or read an answer
    bytes: int = 0
    draining: bool = False
    write_buffers: dict[Client, int] = field(default_factory=dict)  # in bytes; the oldest first
    idle: asyncio.Event = field(default_factory=asyncio.Event)  # set while nothing is in flight
    _request_s: float = 0.0  # smoothed time between two finished requests while busy
    _last_done: float = 0.0

    def __post_init__(self) -> None:
        self.idle.set()

    @property
    def working(self) -> int:
        """Number of requests that are worked on."""
        return self.requests - self.waiting

    def refusal(self, size: int) -> tuple[int, str] | None:
        """Why a request with a body of ``size`` bytes is refused: status and reason."""
        if self.draining:
            return 503, "draining"
        if self.working >= self.max_requests:
            return 429, "requests"
        if self.requests and self.bytes + size > self.max_bytes:
            return 429, "bytes"
        return None

    def retry_after_s(self) -> float:
        """Seconds until the requests in work are done at the measured rate, at most 60."""
        return min(60.0, self.working * self._request_s)

    def enter(self, size: int) -> None:
        """Count a request that is taken on."""
        if self.requests == 0:
            self._last_done = time.monotonic()
            self.idle.clear()
        self.requests += 1
        self.bytes += size

    def grow(self, size: int) -> None:
        """Count bytes of a body beyond its declared length.

        Raises:
            Overloaded: the bodies of all requests together are over the limit.
        """
        if self.requests > 1 and self.bytes + size > self.max_bytes:
            raise Overloaded(_MESSAGES["bytes"], retry_after_s=self.retry_after_s())
        self.bytes += size

    def hold_answer(self, client: Client) -> None:
        """Count its write buffer; when all are too large, the oldest connection is closed."""
        self.write_buffers[client] = client.write_buffer_bytes()
        while len(self.write_buffers) > 1 and sum(self.write_buffers.values()) > self.max_bytes:
            oldest = next(iter(self.write_buffers))
            del self.write_buffers[oldest]
            oldest.abort()

    def leave(self, size: int) -> None:
        """Count a request as finished, and update the measured rate."""
        now = time.monotonic()
        gap = now - self._last_done
        self._last_done = now
        self._request_s = gap if self._request_s == 0 else 0.9 * self._request_s + 0.1 * gap
        self.requests -= 1
        self.bytes -= size
        if self.requests == 0:
            self.idle.set()


class AdmissionControl:
    """ASGI middleware: 429 with Retry-After when too much is in flight, 503 when draining.

    Args:
        app: Answers the admitted requests.
        admission: What is in flight.
        metrics: Where refusals are counted.
        streamed: Prefixes of paths whose bodies are never held as a whole; neither they nor their
            bytes count.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        admission: Admission,
        metrics: Metrics,
        streamed: Mapping[str, int] = NOTHING_STREAMED,
    ) -> None:
        self.app = app
        self.admission = admission
        self.metrics = metrics
        self.streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _WORK:
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        is_held = streamed_limit(self.streamed, scope["path"]) is None
        size = declared_bytes(length) if is_held else 0
        refusal = self.admission.refusal(size)
        if refusal is not None:
            status, reason = refusal
            self.metrics.reject(reason)
            response = refuse(status, reason, self.admission.retry_after_s())
            await response(scope, receive, send)
            return

        await _Admitted(
            self.admission, self.metrics, size, chunked=is_held and not length, streamed=not is_held
        ).run(self.app, scope, receive, send)


class _Admitted:
    """A request that was taken on; while it waits for its client it does not count as work."""

    def __init__(
        self, admission: Admission, metrics: Metrics, size: int, *, chunked: bool, streamed: bool
    ) -> None:
        self._admission = admission
        self._metrics = metrics
        self._size = size
        self._chunked = chunked
        self._streamed = streamed  # waits for its client to the end, as it is written meanwhile
        self._body_comes = chunked or streamed or size > 0

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted_receive() -> Message:
            message = await receive()
            if self._chunked:
                self._charge(len(message.get("body", b"")))
            more = message.get("more_body", False) or self._streamed
            if self._body_comes and not more:
                self._body_is_there()
            return message

        async def counted_send(message: Message) -> None:
            self._admission.waiting += 1
            try:
                await send(message)
            finally:
                self._admission.waiting -= 1

        current_request().body_charges.append(self._charge)
        self._admission.enter(self._size)
        self._admission.waiting += self._body_comes
        try:
            await app(scope, counted_receive, counted_send)
            await self._answer_is_read(scope.get(CLIENT))
        finally:
            self._admission.waiting -= self._body_comes
            self._admission.leave(self._size)

    def _charge(self, size: int) -> None:
        try:
            self._admission.grow(size)
        except Overloaded:
            self._metrics.reject("bytes")
            raise
        self._size += size

    def _body_is_there(self) -> None:
        self._body_comes = False
        self._admission.waiting -= 1
        if self._admission.working > self._admission.max_requests:  # others came first meanwhile
            self._metrics.reject("requests")
            raise Overloaded(_MESSAGES["requests"], retry_after_s=self._admission.retry_after_s())

    async def _answer_is_read(self, client: Client | None) -> None:
        """Wait until the client has read a large answer, which is in memory until then."""
        if client is None or not client.write_buffer_bytes():
            return
        self._admission.hold_answer(client)
        self._admission.waiting += 1
        try:
            await client.drain()
        finally:
            self._admission.waiting -= 1
            self._admission.write_buffers.pop(client, None)


_MESSAGES = {
    "draining": "the service is shutting down; ask another replica",
    "requests": "too many requests at once; come back later",
    "bytes": "too many bytes at once; come back later",
}


def refuse(status: int, reason: str, retry_after_s: float) -> Response:
    """The answer to a request that is not taken on; a draining service closes the connection."""
    headers = retry_headers(retry_after_s)
    if reason == "draining":
        headers["connection"] = "close"
    return error_json(status, _MESSAGES[reason], headers)
