"""What is noted of a request, outside of the services that the integration tests run."""

import json
import logging
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from podium.errors import SetupError
from podium.serving.app import create_service_app
from podium.serving.hosting import engine_phases
from podium.serving.hosting.engine_phases import EnginePhases, TimedSession, timed
from podium.serving.http.settings import ServiceSettings
from podium.serving.observing.logs import JsonFormatter
from podium.serving.observing.request_context import (
    RequestContext,
    enter_request,
    leave_request,
    read_server_timing,
)
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.catalogue import Catalogue

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOWHERE = "http://127.0.0.1:9"


@contextmanager
def working_for(request):
    token = enter_request(request)
    try:
        yield request
    finally:
        leave_request(token)


def test_server_timing_is_written_and_read():
    request = RequestContext()
    request.add("queue", 0.0003)
    request.add("infer", 0.012)
    request.add("infer", 0.0001)
    request.add_call("crop", 0.002)
    request.add_call("crop", 0.003)
    header = request.server_timing(0.013)
    assert (
        header == 'queue;dur=0.30, infer;dur=12.10, crop;dur=5.00;desc="2 calls", total;dur=13.00'
    )
    assert read_server_timing(header) == pytest.approx(
        {"queue": 0.0003, "infer": 0.0121, "crop": 0.005, "total": 0.013}
    )


@pytest.mark.parametrize("header", ["", "cache", "miss, db;desc=x", "db;dur=", "total;dur=abc"])
def test_what_others_say_of_their_time_does_no_harm(header):
    assert read_server_timing(header) == {}


@pytest.mark.parametrize(
    ("traceparent", "taken"),
    [
        (TRACEPARENT, True),
        (TRACEPARENT.upper(), False),
        (TRACEPARENT + "-x", False),
        ("00-" + "0" * 32 + TRACEPARENT[35:], False),
        (TRACEPARENT[:36] + "0" * 16 + "-01", False),
        ("00-\r\nx: y", False),
        ("", False),
    ],
)
def test_only_a_valid_trace_is_passed_on(traceparent, taken):
    request = RequestContext("id", traceparent, "vendor=1")
    with request.call("pose2d", "model") as headers:
        expected = {"traceparent": TRACEPARENT, "tracestate": "vendor=1"} if taken else {}
        assert headers == {"x-request-id": "id", **expected}
    assert request.trace_id == (TRACEPARENT[3:35] if taken else "")


def test_a_log_line_has_the_ids_of_its_request():
    record = logging.LogRecord("podium", logging.WARNING, "", 0, "odd %s", ("thing",), None)
    with working_for(RequestContext("id-1", TRACEPARENT)):
        line = json.loads(JsonFormatter("decode").format(record))
    assert line["message"] == "odd thing"
    assert (line["service"], line["level"]) == ("decode", "warning")
    assert (line["request_id"], line["trace_id"]) == ("id-1", TRACEPARENT[3:35])
    assert "request_id" not in json.loads(JsonFormatter("decode").format(record))


class Clock:
    """Time that goes on only while somebody works."""

    def __init__(self, monkeypatch):
        self.now_s = 100.0
        monkeypatch.setattr(engine_phases, "time", SimpleNamespace(perf_counter=lambda: self.now_s))

    def work(self, seconds):
        self.now_s += seconds


class SlowSession:
    inputs = outputs = ()

    def __init__(self, clock):
        self._clock = clock

    def run(self, feeds):
        self._clock.work(2.0)
        return dict(feeds)


def test_engine_phases_are_told_apart(monkeypatch):
    clock = Clock(monkeypatch)
    session = TimedSession(SlowSession(clock))

    def adapter():
        clock.work(1.0)
        session.run({})
        session.run({})
        clock.work(0.5)
        return "done"

    result, phases = timed(adapter)
    assert result == "done"
    assert phases == EnginePhases(preprocess_s=1.0, infer_s=4.0, postprocess_s=0.5)


def test_without_a_timed_session_all_is_inference(monkeypatch):
    clock = Clock(monkeypatch)
    _, phases = timed(lambda: clock.work(3.0))
    assert phases == EnginePhases(preprocess_s=0, infer_s=3.0, postprocess_s=0)


def test_a_phase_counts_for_metrics_and_request():
    metrics = Metrics("decode")
    with working_for(RequestContext()) as request:
        for _ in range(2):
            with metrics.phase("decode", "read"):
                time.sleep(0.005)
    labels = {"stage": "decode", "phase": "read"}
    name = "podium_stage_duration_seconds"
    assert metrics.registry.get_sample_value(f"{name}_count", labels) == 2
    total_s = metrics.registry.get_sample_value(f"{name}_sum", labels)
    assert request.phases["read"] == pytest.approx(total_s)
    assert total_s >= 0.01


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector:4317"])
def test_a_wrong_collector(endpoint):
    with pytest.raises(SetupError, match="PODIUM_OTLP_ENDPOINT"):
        create_service_app(
            "test", Catalogue([]), ServiceSettings(otlp_endpoint=endpoint), summary=""
        )


def test_traces_without_the_exporter(monkeypatch):
    module = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    monkeypatch.setitem(sys.modules, module, None)
    settings = ServiceSettings(otlp_endpoint="http://127.0.0.1:4318")
    with pytest.raises(SetupError, match=r"install podium\[tracing\]") as error:
        create_service_app("test", Catalogue([]), settings, summary="")
    assert "\n" not in error.value.message
