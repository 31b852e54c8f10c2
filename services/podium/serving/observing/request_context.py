"""The context of a request: its id, its trace, and where its time went.

The ``Server-Timing`` header is that of the W3C (https://www.w3.org/TR/server-timing/); the trace
is passed on in the headers of W3C Trace Context (https://www.w3.org/TR/trace-context/).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

REQUEST_ID = "x-request-id"
TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_METRIC = re.compile(r"([\w-]+);dur=([0-9]+(?:\.[0-9]+)?)")


class RequestContext:
    """One request on its way through one service.

    Args:
        request_id: The caller's, or a new one; sent to every stage.
        traceparent: Header of the caller; ignored unless well-formed.
        tracestate: Header of the caller.
    """

    __slots__ = (
        "api_key",
        "body_charges",
        "calls",
        "max_body_bytes",
        "phases",
        "request_id",
        "trace_id",
        "traceparent",
        "tracestate",
    )

    def __init__(self, request_id: str = "", traceparent: str = "", tracestate: str = "") -> None:
        valid = bool(traceparent) and _TRACEPARENT.fullmatch(traceparent) is not None
        self.request_id = request_id
        self.traceparent = traceparent if valid else ""
        self.tracestate = tracestate if valid else ""
        self.trace_id = traceparent[3:35] if valid else ""
        self.api_key = ""  # id of the key that the request came with
        self.max_body_bytes = sys.maxsize  # limit of the decompressed body
        self.body_charges: list[Callable[[int], None]] = []  # take bytes, or raise Overloaded
        self.phases: dict[str, float] = {}  # seconds
        self.calls: dict[str, int] = {}  # stage -> number of calls

    def charge_body(self, size: int) -> None:
        """Count bytes that the body takes in memory beyond those received. Raises Overloaded."""
        for charge in self.body_charges:
            charge(size)

    def add(self, phase: str, seconds: float, *, ended_s_ago: float = 0.0) -> None:
        """Add to a phase of this service's own work."""
        del ended_s_ago  # only spans use it
        self.phases[phase] = self.phases.get(phase, 0.0) + seconds

    def add_call(self, stage: str, seconds: float) -> None:
        """Count a call of a stage; ``seconds`` includes all its attempts."""
        self.phases[stage] = self.phases.get(stage, 0.0) + seconds
        self.calls[stage] = self.calls.get(stage, 0) + 1

    def add_transfer(self, seconds: float) -> None:
        """Add time that calls spent in transfer, not in their stages."""
        self.phases["transfer"] = self.phases.get("transfer", 0.0) + seconds

    def call(self, stage: str, model: str) -> AbstractContextManager[dict[str, str]]:
        """A context in which a model of a stage is called; yields the headers to send."""
        del stage, model  # only spans use them
        return nullcontext(self._headers())

    def _headers(self) -> dict[str, str]:
        headers = {REQUEST_ID: self.request_id} if self.request_id else {}
        if self.traceparent:
            headers[TRACEPARENT] = self.traceparent
            if self.tracestate:
                headers[TRACESTATE] = self.tracestate
        return headers

    def server_timing(self, total_s: float) -> str:
        """The value of the ``Server-Timing`` header, in milliseconds."""
        parts = []
        for phase, seconds in list(self.phases.items()):  # threads may still add
            calls = self.calls.get(phase, 1)
            desc = f';desc="{calls} calls"' if calls > 1 else ""
            parts.append(f"{phase};dur={seconds * 1e3:.2f}{desc}")
        parts.append(f"total;dur={total_s * 1e3:.2f}")
        return ", ".join(parts)

    def timing_ms(self) -> dict[str, float]:
        """Milliseconds by phase and stage."""
        return {phase: round(seconds * 1e3, 2) for phase, seconds in list(self.phases.items())}


def read_server_timing(value: str) -> dict[str, float]:
    """The durations of a ``Server-Timing`` header, in seconds."""
    return {name: float(ms) / 1e3 for name, ms in _METRIC.findall(value)}


_current: ContextVar[RequestContext | None] = ContextVar("request", default=None)

enter_request = _current.set
leave_request = _current.reset


def current_request() -> RequestContext:
    """The request that this task works for; an empty one outside a request."""
    return _current.get() or RequestContext()
