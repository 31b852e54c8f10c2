"""Decides at the door whether a request is taken on, before its body is read."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium.errors import Overloaded
from podium.serving.request_context import current_request
from podium.serving.telemetry import Metrics

_WORK = ("POST", "PUT")


@dataclass
class Admission:
    """What is being worked on, and how much may be.

    Args:
        max_requests: Requests at the same time; health, metadata and metrics do not count.
        max_bytes: Bodies at the same time, by their declared lengths, or as they come;
            and what they decompress to.
    """

    max_requests: int
    max_bytes: int
    requests: int = 0
    bytes: int = 0
    draining: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)  # set while nothing is in flight
    _request_s: float = 0.0  # smoothed time between two finished requests while busy
    _last_done: float = 0.0

    def __post_init__(self) -> None:
        self.idle.set()

    def refusal(self, size: int) -> tuple[int, str] | None:
        """Why a request with a body of ``size`` bytes is refused: status and reason."""
        if self.draining:
            return 503, "draining"
        if self.requests >= self.max_requests:
            return 429, "requests"
        if self.requests and self.bytes + size > self.max_bytes:
            return 429, "bytes"
        return None

    def retry_after_s(self) -> float:
        """When the requests that are ahead will be done, at the measured rate."""
        return min(60.0, self.requests * self._request_s)

    def enter(self, size: int) -> None:
        """Take a request on."""
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

    def leave(self, size: int) -> None:
        """Let it go, and learn the rate from it."""
        now = time.monotonic()
        gap = now - self._last_done
        self._last_done = now
        self._request_s = gap if self._request_s == 0 else 0.9 * self._request_s + 0.1 * gap
        self.requests -= 1
        self.bytes -= size
        if self.requests == 0:
            self.idle.set()


class AdmissionControl:
    """ASGI middleware: 429 with Retry-After when too much is in flight, 503 when draining."""

    def __init__(self, app: ASGIApp, *, admission: Admission, metrics: Metrics) -> None:
        self.app = app
        self.admission = admission
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _WORK:
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        size = int(length) if length.isdigit() else 0
        refusal = self.admission.refusal(size)
        if refusal is not None:
            status, reason = refusal
            self.metrics.reject(reason)
            response = refuse(status, reason, self.admission.retry_after_s())
            await response(scope, receive, send)
            return

        def charge(more: int) -> None:
            nonlocal size
            try:
                self.admission.grow(more)
            except Overloaded:
                self.metrics.reject("bytes")
                raise
            size += more

        async def counted_receive() -> Message:
            message = await receive()
            charge(len(message.get("body", b"")))
            return message

        current_request().body_charges.append(charge)
        self.admission.enter(size)
        try:
            await self.app(scope, receive if length else counted_receive, send)
        finally:
            self.admission.leave(size)


_MESSAGES = {
    "draining": "the service is shutting down; ask another replica",
    "requests": "too many requests at once; come back later",
    "bytes": "too many bytes at once; come back later",
}


def refuse(status: int, reason: str, retry_after_s: float) -> JSONResponse:
    """The answer to a request that is not taken on; one that drains also lets the caller go."""
    headers = retry_headers(retry_after_s)
    if reason == "draining":
        headers["connection"] = "close"
    return JSONResponse({"error": _MESSAGES[reason]}, status, headers)


def retry_headers(retry_after_s: float) -> dict[str, str]:
    """``Retry-After`` in whole seconds, as HTTP has it, and the exact time in milliseconds."""
    return {
        "retry-after": str(max(1, math.ceil(retry_after_s))),
        "retry-after-ms": str(max(1, math.ceil(retry_after_s * 1e3))),
    }
