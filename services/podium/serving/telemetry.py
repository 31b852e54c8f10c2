"""One JSON log line and one set of metrics per request; a request id that follows the work."""

from __future__ import annotations

import logging
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium.errors import TooLarge
from podium.serving.engine_phases import EnginePhases

REQUEST_ID = "x-request-id"
CLIENT_CLOSED = 499
"""Nginx's status for a client that has gone before the answer; it appears in logs alone."""

request_id: ContextVar[str] = ContextVar("request_id", default="")

_log = logging.getLogger("podium.request")
_SAFE_ID = re.compile(r"[\w.:/+=-]{1,128}")
_QUIET_PATHS = ("/v2/health/", "/metrics")
_BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class JsonFormatter(logging.Formatter):
    """Formats a record, its ``extra={"fields": {...}}`` and the request id as one JSON line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self.service,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure_logging(service: str, level: str) -> None:
    """Send every log record of this process to stdout as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True  # the request line says more


class Metrics:
    """The Prometheus metrics of one service, in a registry of their own."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        constant = {"service": service}
        self._requests = Counter(
            "podium_requests_total",
            "Requests by model and status.",
            ("service", "model", "code"),
            registry=self.registry,
        )
        self._duration = Histogram(
            "podium_request_duration_seconds",
            "Time from the first byte of the request to the last of the answer.",
            ("service", "model"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._phase = Histogram(
            "podium_stage_duration_seconds",
            "Time per call by stage and phase.",
            ("stage", "phase"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "podium_in_flight_requests",
            "Requests being worked on.",
            ("service",),
            registry=self.registry,
        ).labels(**constant)
        self._frames = Counter(
            "podium_frames_total",
            "Frames answered, by pipeline and status.",
            ("pipeline", "status"),
            registry=self.registry,
        )
        self._rejections = Counter(
            "podium_rejections_total",
            "Requests refused before any work, by reason.",
            ("service", "reason"),
            registry=self.registry,
        )
        self._batch_rows = Histogram(
            "podium_batch_rows",
            "Rows per engine call.",
            ("stage", "model"),
            buckets=_BUCKETS_ROWS,
            registry=self.registry,
        )
        self._queue_rows = Gauge(
            "podium_queue_rows",
            "Rows that wait for an engine.",
            ("stage", "model"),
            registry=self.registry,
        )
        self._queue_bytes = Gauge(
            "podium_queue_bytes",
            "Bytes that wait for an engine.",
            ("stage", "model"),
            registry=self.registry,
        )
        self._service = service

    def reject(self, reason: str) -> None:
        """Count one refused request."""
        self._rejections.labels(self._service, reason).inc()

    def batches(self, model: str) -> BatchMetrics:
        """The metrics of the batcher of one model."""
        return BatchMetrics(
            rows=self._batch_rows.labels(self._service, model),
            queue_rows=self._queue_rows.labels(self._service, model),
            queue_bytes=self._queue_bytes.labels(self._service, model),
            queue_s=self._phase.labels(self._service, "queue"),
            preprocess_s=self._phase.labels(self._service, "preprocess"),
            infer_s=self._phase.labels(self._service, "infer"),
            postprocess_s=self._phase.labels(self._service, "postprocess"),
            reject=self.reject,
        )

    def observe_request(self, model: str, code: int, seconds: float) -> None:
        """Count one finished request."""
        self._requests.labels(self._service, model, str(code)).inc()
        self._duration.labels(self._service, model).observe(seconds)

    def count_frame(self, pipeline: str, status: str) -> None:
        """Count one frame of an answer."""
        self._frames.labels(pipeline, status).inc()

    @contextmanager
    def phase(self, stage: str, phase: str) -> Iterator[None]:
        """Time a block as one phase of a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._phase.labels(stage, phase).observe(time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class BatchMetrics:
    """What a batcher reports."""

    rows: Histogram
    queue_rows: Gauge
    queue_bytes: Gauge
    queue_s: Histogram
    preprocess_s: Histogram
    infer_s: Histogram
    postprocess_s: Histogram
    reject: Callable[[str], None]

    def set_queue(self, rows: int, size: int) -> None:
        """Say how much waits."""
        self.queue_rows.set(rows)
        self.queue_bytes.set(size)

    def observe_queue(self, seconds: float) -> None:
        """Say how long a request waited for its first row to be taken."""
        self.queue_s.observe(seconds)

    def observe_batch(self, rows: int, phases: EnginePhases) -> None:
        """Say how large an engine call was, and how long its phases took."""
        self.rows.observe(rows)
        self.preprocess_s.observe(phases.preprocess_s)
        self.infer_s.observe(phases.infer_s)
        self.postprocess_s.observe(phases.postprocess_s)


class RequestTelemetry:
    """Outermost ASGI middleware: request id, body limit, one log line, request metrics."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_body_bytes: int) -> None:
        self.app = app
        self.metrics = metrics
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        token = request_id.set(given if _SAFE_ID.fullmatch(given) else uuid.uuid4().hex)
        started = time.perf_counter()
        status, received, sent = CLIENT_CLOSED, 0, 0
        status_sent = False

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if max(received, int(headers.get("content-length", 0))) > self.max_body_bytes:
                raise TooLarge(f"is over the limit of {self.max_body_bytes} bytes", field="body")
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status, status_sent, sent
            if message["type"] == "http.response.start":
                status_sent = True
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id.get()
            sent += len(message.get("body", b""))
            await send(message)

        self.metrics.in_flight.inc()
        try:
            await self.app(scope, limited_receive, counted_send)
        except Exception:
            _log.exception("unexpected error")
            if status_sent:
                raise
            message = f"internal error; the log has it under request id {request_id.get()}"
            await JSONResponse({"error": message}, 500)(scope, receive, counted_send)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.in_flight.dec()
            # The route fills in the model; only known names become labels.
            model = scope.get("state", {}).get("podium_model", "")
            self.metrics.observe_request(model, status, seconds)
            quiet = scope["path"].startswith(_QUIET_PATHS)
            _log.log(
                logging.DEBUG if quiet else logging.INFO,
                "request",
                extra={
                    "fields": {
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": status,
                        "duration_ms": round(seconds * 1e3, 2),
                        "bytes_in": received,
                        "bytes_out": sent,
                        **({"model": model} if model else {}),
                    }
                },
            )
            request_id.reset(token)
