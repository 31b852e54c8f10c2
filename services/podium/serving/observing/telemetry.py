"""The Prometheus metrics of a service."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from podium.serving.observing.batches import BatchObserver, Execution
from podium.serving.observing.process_metrics import ProcessMetrics
from podium.serving.observing.request_context import RequestContext, current_request

_BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The Prometheus metrics of one service, in their own registry."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.registry = CollectorRegistry()
        self.in_flight = 0
        ProcessMetrics(self.registry)
        self._requests = self._counter(
            "podium_requests_total", "Requests by model and status.", "service", "model", "code"
        )
        self._duration = self._histogram_s(
            "podium_request_duration_seconds",
            "Time from the first byte of the request to the last of the answer.",
            "service",
            "model",
        )
        self._phase = self._histogram_s(
            "podium_stage_duration_seconds",
            "Time per call by stage and phase; total and transfer as the gateway sees them.",
            "stage",
            "phase",
        )
        self._gauge("podium_in_flight_requests", "Requests being worked on.", "service").labels(
            service
        ).set_function(lambda: self.in_flight)
        self._frames = self._counter(
            "podium_frames_total", "Frames answered, by pipeline and status.", "pipeline", "status"
        )
        self._rejections = self._counter(
            "podium_rejections_total", "Requests refused, by reason.", "service", "reason"
        )
        self._batch_rows = Histogram(
            "podium_batch_rows",
            "Rows per engine call.",
            ("stage", "model"),
            buckets=_BUCKETS_ROWS,
            registry=self.registry,
        )
        self._queue_rows = self._gauge(
            "podium_queue_rows", "Rows that wait for an engine.", "stage", "model"
        )
        self._queue_bytes = self._gauge(
            "podium_queue_bytes", "Bytes that wait for an engine.", "stage", "model"
        )
        self._retries = self._counter(
            "podium_stage_retries_total", "Calls of a stage that were tried again.", "stage"
        )
        self._joined = self._counter(
            "podium_stage_joined_calls_total",
            "Calls of a stage that were made in one with those of other requests.",
            "stage",
        )
        self._ejections = self._counter(
            "podium_stage_ejections_total", "Times that a failing replica was left alone.", "stage"
        )
        self._replicas = self._gauge(
            "podium_stage_replicas", "Replicas of a stage that the gateway knows.", "stage"
        )
        self.received_bytes = self._counter(
            "podium_received_bytes_total",
            "Bodies received: requests, and at the gateway the answers of its stages.",
            "service",
        ).labels(service)
        # Kept, because looking a label up costs more than counting.
        self._request_children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._phase_children: dict[tuple[str, str], Histogram] = {}
        self._frame_children: dict[tuple[str, str], Counter] = {}

    def of_stage(self, stage: str) -> Metrics:
        """Metrics for a stage in this process: same registry, labels of that stage."""
        part = copy.copy(self)
        part._service = stage
        part._request_children = {}
        return part

    def reject(self, reason: str) -> None:
        """Count one refused request."""
        self._rejections.labels(self._service, reason).inc()

    def batches(self, model: str) -> BatchMetrics:
        """The metrics of the batcher of one model."""
        queue = _Queue()
        self._queue_rows.labels(self._service, model).set_function(lambda: queue.rows)
        self._queue_bytes.labels(self._service, model).set_function(lambda: queue.bytes)
        return BatchMetrics(
            rows=self._batch_rows.labels(self._service, model),
            queue=queue,
            queue_s=self._phase_of(self._service, "queue"),
            preprocess_s=self._phase_of(self._service, "preprocess"),
            infer_s=self._phase_of(self._service, "infer"),
            postprocess_s=self._phase_of(self._service, "postprocess"),
            reject=self.reject,
        )

    def calls(self, stage: str) -> CallMetrics:
        """The metrics of the client of one stage."""
        return CallMetrics(
            retries=self._retries.labels(stage),
            joined=self._joined.labels(stage),
            ejections=self._ejections.labels(stage),
            replicas=self._replicas.labels(stage),
            received_bytes=self.received_bytes,
            phase=self._phase_of,
        )

    def watch_pipelines(self, age_s: Callable[[], float]) -> None:
        """Export ``age_s``, the age of the copy of the custom resources, in seconds."""
        self._gauge(
            "podium_pipeline_watch_age_seconds",
            "Time since the API server last confirmed the pipelines; a minute is in good order.",
        ).set_function(age_s)

    def observe_request(self, model: str, code: int, seconds: float, received: int) -> None:
        """Count one finished request, with the bytes of its body."""
        self.received_bytes.inc(received)
        key = (model, code)
        if key not in self._request_children:
            self._request_children[key] = (
                self._requests.labels(self._service, model, str(code)),
                self._duration.labels(self._service, model),
            )
        requests, duration = self._request_children[key]
        requests.inc()
        duration.observe(seconds)

    def count_frame(self, pipeline: str, status: str) -> None:
        """Count one frame of an answer."""
        key = (pipeline, status)
        if key not in self._frame_children:
            self._frame_children[key] = self._frames.labels(pipeline, status)
        self._frame_children[key].inc()

    @contextmanager
    def phase(self, stage: str, phase: str) -> Iterator[None]:
        """Measure a block as one phase of a stage and of the current request."""
        started = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - started
            self.observe_phase(stage, phase, seconds, current_request())

    def observe_phase(
        self, stage: str, phase: str, seconds: float, request: RequestContext
    ) -> None:
        """Count a phase that has just ended, for the stage and for the request."""
        self._phase_of(stage, phase).observe(seconds)
        request.add(phase, seconds)

    def _phase_of(self, stage: str, phase: str) -> Histogram:
        key = (stage, phase)
        if key not in self._phase_children:
            self._phase_children[key] = self._phase.labels(stage, phase)
        return self._phase_children[key]

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(name, help_text, labels, registry=self.registry)

    def _histogram_s(self, name: str, help_text: str, *labels: str) -> Histogram:
        return Histogram(name, help_text, labels, buckets=_BUCKETS_S, registry=self.registry)


@dataclass(slots=True)
class _Queue:
    """What waits now. Gauges ask for it when they are read: it changes twice for each request."""

    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class BatchMetrics(BatchObserver):
    """Counts the events of a batcher, and adds its times to the requests."""

    rows: Histogram
    queue: _Queue
    queue_s: Histogram
    preprocess_s: Histogram
    infer_s: Histogram
    postprocess_s: Histogram
    reject: Callable[[str], None]

    def refused(self, reason: str) -> None:
        self.reject(reason)

    def waiting(self, rows: int, size: int) -> None:
        self.queue.rows, self.queue.bytes = rows, size

    def queued(self, request: RequestContext, seconds: float) -> None:
        self.queue_s.observe(seconds)
        request.add("queue", seconds)

    def executed(self, execution: Execution) -> None:
        phases = execution.phases
        self.rows.observe(execution.rows)
        self.preprocess_s.observe(phases.preprocess_s)
        self.infer_s.observe(phases.infer_s)
        self.postprocess_s.observe(phases.postprocess_s)
        for request in execution.requests:
            phases.add_to(request)


@dataclass(frozen=True, slots=True)
class CallMetrics:
    """Metrics of the client of a stage."""

    retries: Counter
    joined: Counter
    ejections: Counter
    replicas: Gauge
    received_bytes: Counter
    phase: Callable[[str, str], Histogram]

    def watch_replicas(self, count: Callable[[], int]) -> None:
        """Export ``count``, the number of known replicas."""
        self.replicas.set_function(count)

    def observe_call(self, call: str, seconds: float) -> None:
        """Count the duration of a call with all its attempts."""
        self.phase(call, "total").observe(seconds)

    def observe_transfer(self, call: str, seconds: float) -> None:
        """Count the time of an attempt that was not spent in the stage."""
        self.phase(call, "transfer").observe(seconds)
