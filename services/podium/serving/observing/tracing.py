"""Spans of requests, phases and stage calls, exported over OTLP/HTTP; off unless configured.

FastAPI's own instrumentation makes the span of a request; the trace is passed on in W3C Trace
Context headers. The other ``OTEL_*`` variables (headers, sampler, resource attributes, batch
sizes) mean what the OpenTelemetry specification says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig
from opentelemetry import propagate, trace
from opentelemetry.context import get_current

import podium
from podium.errors import SetupError
from podium.serving.observing.request_context import REQUEST_ID, RequestContext

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Tracing:
    """The spans of one service.

    Args:
        service: Name of the service; ``podium-<service>`` in traces.
        endpoint: Base URL of an OTLP/HTTP collector, such as ``http://collector:4318``.

    Raises:
        SetupError: the exporter is not installed, or the endpoint is not a URL.
    """

    def __init__(self, service: str, endpoint: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise SetupError(
                "PODIUM_OTLP_ENDPOINT is set, but the exporter is not installed; "
                "install podium[tracing], or unset it"
            ) from None
        if not endpoint.startswith(("http://", "https://")):
            raise SetupError(
                f"PODIUM_OTLP_ENDPOINT: {endpoint!r} is not an address such as http://host:4318"
            )
        self.provider: TracerProvider = TracerProvider(
            resource=Resource.create(
                {"service.name": f"podium-{service}", "service.version": podium.__version__}
            ),
            shutdown_on_exit=False,
        )
        self.provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
        )
        self._tracer = self.provider.get_tracer("podium", podium.__version__)

    def request(self, request_id: str, traceparent: str, tracestate: str) -> RequestContext:
        """Make the context of a request; its span is the current one."""
        span = trace.get_current_span()
        span.set_attribute("podium.request_id", request_id)
        if not span.get_span_context().is_valid:  # a path that is not traced
            return RequestContext(request_id, traceparent, tracestate)
        return TracedRequest(request_id, self._tracer)

    def close(self) -> None:
        """Export the remaining spans; waits for the collector."""
        self.provider.shutdown()


def spans_of(tracing: Tracing | None, quiet: tuple[str, ...]) -> TelemetryConfig:
    """Configure FastAPI's span of each request; paths that begin with ``quiet`` get none."""
    return {
        "tracing": tracing is not None,
        "tracer_provider": None if tracing is None else tracing.provider,
        "exclude": lambda scope: scope.get("path", "").startswith(quiet),
        "operation_spans": False,
        "metrics": False,
        "logs": False,
        "auto_configure": False,
    }


class TracedRequest(RequestContext):
    """A request whose phases and calls become spans below its own.

    Args:
        request_id: Sent to every stage.
        tracer: Makes the spans.
    """

    __slots__ = ("_context", "_tracer")

    def __init__(self, request_id: str, tracer: trace.Tracer) -> None:
        super().__init__(request_id)
        self._tracer = tracer
        self._context = get_current()
        span = trace.get_current_span(self._context)
        self.trace_id = trace.format_trace_id(span.get_span_context().trace_id)

    def add(self, phase: str, seconds: float, *, ended_s_ago: float = 0.0) -> None:
        super().add(phase, seconds)
        end_ns = time.time_ns() - int(ended_s_ago * 1e9)
        span = self._tracer.start_span(
            phase, context=self._context, start_time=end_ns - int(seconds * 1e9)
        )
        span.end(end_ns)

    @contextmanager
    def call(self, stage: str, model: str) -> Iterator[dict[str, str]]:
        with self._tracer.start_as_current_span(
            f"{stage} {model}",
            context=self._context,
            kind=trace.SpanKind.CLIENT,
            attributes={"podium.stage": stage, "podium.model": model},
        ):
            headers = {REQUEST_ID: self.request_id}
            propagate.inject(headers)
            yield headers
