"""What the services say of their own work: headers, metrics, logs, traces, the dashboard."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from podium.local.settings import SERVICES
from podium.local.stack import Stack
from tests.support.otlp_collector import Collector

ROOT = Path(__file__).parent.parent.parent
DASHBOARD = ROOT / "charts" / "podium-platform" / "files" / "dashboards" / "podium.json"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLER = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01", "tracestate": "vendor=1"}
STAGES = ("decode", "detection", "crop", "pose3d")


def call(url, body=None, **headers):
    """Status, headers and body of a request."""
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def timings(headers):
    """A ``Server-Timing`` header, read by the grammar of the standard: name -> parameters."""
    metrics = {}
    for metric in headers["server-timing"].split(","):
        name, *parameters = (part.strip() for part in metric.split(";"))
        metrics[name] = {k: v.strip('"') for k, v in (p.split("=", 1) for p in parameters)}
    return metrics


def samples(url):
    """Every sample of ``/metrics``: (name, labels) -> value."""
    _, _, text = call(f"{url}/metrics")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(samples, name, **labels):
    return samples[name, frozenset(labels.items())]


class Observed:
    """A stack of its own with traces on; its log lines as they come."""

    def __init__(self, stack, collector):
        self.stack = stack
        self.collector = collector
        self.lines = []
        self._more = threading.Condition()

    def log(self, service, line):
        with self._more:
            self.lines.append((service, line))
            self._more.notify_all()

    def request_line(self, service, request_id):
        """The line of an inference, which may come a moment after its answer.

        The gateway may ask a stage for its model, too, on behalf of the request.
        """

        def find():
            for name, text in self.lines:
                if name == service and f'"{request_id}"' in text and '"message":"request"' in text:
                    line = json.loads(text)
                    if line["method"] == "POST":
                        return line
            return None

        with self._more:
            return self._more.wait_for(find, timeout=10)

    def run(self, clip, count=8, **headers):
        url = f"{self.stack.gateway_url}/v1/pipelines/pose-3d?count={count}"
        return call(url, clip.read_bytes(), **headers)


@pytest.fixture(scope="module")
def observed(model_repository):
    with pytest.MonkeyPatch.context() as patch, Collector() as collector:
        patch.setenv("PODIUM_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        observed = Observed(None, collector)
        with Stack(models=model_repository, log=observed.log) as observed.stack:
            yield observed


def test_server_timing_of_the_gateway(observed, clip):
    status, headers, body = observed.run(clip)
    assert status == 200
    metrics = timings(headers)
    assert set(metrics) == {"receive", "queue", "transfer", "total", *STAGES}
    total_ms = float(metrics["total"]["dur"])
    for stage in STAGES:
        assert 0 < float(metrics[stage]["dur"]) < total_ms
    # The same figures as in the answer, which the pipeline takes around those of the header.
    answered = json.loads(body)["timing_ms"]
    for stage in STAGES:
        assert float(metrics[stage]["dur"]) <= answered[stage]["total"] + 0.01  # it is rounded
        assert answered[stage]["total"] < total_ms
    assert float(metrics["pose3d"]["dur"]) > answered["pose3d"]["total"] / 2


def test_server_timing_counts_calls(observed, clip):
    _, headers, _ = observed.run(clip, count=40)  # two chunks
    assert timings(headers)["decode"]["desc"] == "2 calls"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/health/ready", None, 200),
        ("/metrics", None, 200),
        ("/nowhere", None, 404),
        ("/v2/models/none/infer", b"{}", 404),
    ],
)
def test_every_answer_has_its_timing_and_its_id(observed, service, path, body, status):
    answer, headers, _ = call(observed.stack.urls[service] + path, body)
    assert answer == status
    assert float(timings(headers)["total"]["dur"]) > 0
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])


def test_a_stream_says_what_is_known_at_its_start(observed, clip):
    _, headers, body = observed.run(clip, accept="application/x-ndjson")
    assert float(timings(headers)["decode"]["dur"]) > 0
    assert len(body.splitlines()) == 10


def test_metrics_of_the_gateway(observed, clip):
    url = observed.stack.gateway_url
    observed.run(clip)
    before = samples(url)
    observed.run(clip)
    after = samples(url)

    def grown(name, **labels):
        return value(after, name, **labels) - value(before, name, **labels)

    for stage in STAGES:
        counted = grown("podium_stage_duration_seconds_count", stage=stage, phase="total")
        assert counted == grown(
            "podium_stage_duration_seconds_count", stage=stage, phase="transfer"
        )
        passes = 1 if stage in ("decode", "detection") else 3  # bad regions are cut again
        assert 1 <= counted <= passes
        total_s, transfer_s = (
            grown("podium_stage_duration_seconds_sum", stage=stage, phase=phase)
            for phase in ("total", "transfer")
        )
        assert 0 < transfer_s < total_s
    assert grown("podium_frames_total", pipeline="pose-3d", status="ok") == 8
    assert grown("podium_requests_total", service="gateway", model="pose-3d", code="200") == 1
    assert value(after, "podium_stage_replicas", stage="pose3d") == 1
    assert value(after, "podium_stage_retries_total", stage="pose3d") == 0
    assert value(after, "podium_stage_ejections_total", stage="pose3d") == 0
    assert value(after, "podium_in_flight_requests", service="gateway") == 1  # this one


def test_metrics_of_a_model_service(observed, clip):
    observed.run(clip)
    url = observed.stack.urls["pose3d"]
    found = samples(url)
    phases = {
        phase: value(found, "podium_stage_duration_seconds_sum", stage="pose3d", phase=phase)
        for phase in ("queue", "preprocess", "infer", "postprocess")
    }
    assert phases["infer"] > phases["preprocess"] > 0
    assert phases["postprocess"] > 0
    model = {"stage": "pose3d", "model": "blazepose-landmark"}
    assert value(found, "podium_batch_rows_count", **model) >= 1
    assert value(found, "podium_batch_rows_sum", **model) >= 8
    assert value(found, "podium_queue_rows", **model) == 0
    assert value(found, "process_resident_memory_bytes") > 10e6
    assert value(found, "process_cpu_seconds_total") > 0


def test_metrics_of_decode(observed, clip):
    observed.run(clip)
    found = samples(observed.stack.urls["decode"])
    name = "podium_stage_duration_seconds_sum"
    assert value(found, name, stage="decode", phase="infer") > 0
    assert value(found, name, stage="crop", phase="infer") > 0
    assert value(found, name, stage="crop", phase="queue") > 0


def test_one_log_line_per_request(observed, clip):
    _, headers, body = observed.run(clip, **{"x-request-id": "line-1"}, **CALLER)
    assert headers["x-request-id"] == "line-1"
    line = observed.request_line("gateway", "line-1")
    assert line["trace_id"] == TRACE_ID
    assert line["status"] == 200
    assert line["model"] == "pose-3d"
    assert line["bytes_in"] == clip.stat().st_size
    assert line["bytes_out"] == len(body)
    assert set(line["timing_ms"]) == {"receive", "queue", "transfer", *STAGES}
    stage = observed.request_line("pose3d", "line-1")
    assert stage["trace_id"] == TRACE_ID
    assert set(stage["timing_ms"]) == {"receive", "queue", "preprocess", "infer", "postprocess"}
    stage = observed.request_line("decode", "line-1")
    assert set(stage["timing_ms"]) == {"receive", "queue", "infer"}


def test_one_trace_over_all_services(observed, clip):
    trace_id = "1" * 31 + "2"
    observed.run(clip, traceparent=f"00-{trace_id}-b7ad6b7169203331-01")

    def of_trace(spans):
        return [span for span in spans if span.trace_id == trace_id]

    services = {"podium-gateway", "podium-decode", "podium-detection", "podium-pose3d"}

    def complete(spans):
        mine = of_trace(spans)
        known = {"b7ad6b7169203331", *(span.span_id for span in mine)}
        called = {
            span.span_id
            for span in mine
            if span.service == "podium-gateway" and span.name.split()[0] in STAGES
        }
        return (
            {span.service for span in mine} == services
            and all(span.parent_id in known for span in mine)
            and called <= {span.parent_id for span in mine}
        )

    spans = of_trace(observed.collector.wait_for(complete))
    by_id = {span.span_id: span for span in spans}
    (root,) = (span for span in spans if span.parent_id == "b7ad6b7169203331")
    assert (root.service, root.name) == ("podium-gateway", "POST /v1/pipelines/{name}")
    for span in spans:
        if span is not root:
            parent = by_id[span.parent_id]
            assert parent.start_s - 0.002 <= span.start_s <= span.end_s
            if span.service == parent.service:  # a server learns late that its caller has it all
                assert span.end_s <= parent.end_s + 0.002
    inferred = [s for s in spans if s.service == "podium-pose3d" and s.name == "infer"]
    assert inferred
    for infer in inferred:
        called = by_id[by_id[infer.parent_id].parent_id]
        assert (called.service, called.name) == ("podium-gateway", "pose3d blazepose-landmark")
        assert by_id[called.parent_id] is root


def test_health_and_metrics_are_not_traced(observed):
    call(f"{observed.stack.gateway_url}/metrics", **CALLER)
    call(f"{observed.stack.gateway_url}/v1/pipelines", traceparent=f"00-{'3' * 32}-{'4' * 16}-01")
    spans = observed.collector.wait_for(lambda s: any(x.trace_id == "3" * 32 for x in s))
    assert not [s for s in spans if "metrics" in s.name]


# The dashboard


def expressions():
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def test_the_dashboard_asks_for_metrics_that_exist(observed, clip):
    observed.run(clip)
    known = {name for url in observed.stack.urls.values() for name, _ in samples(url)}
    asked = {
        name
        for _, expression in expressions()
        for name in re.findall(r"\b(?:podium|process)_[a-z_]+", expression)
    }
    # Counters with labels show nothing before the first event.
    silent = {"podium_rejections_total"}
    assert asked - known - silent == set()
    assert len(asked) > 10


def test_the_dashboard_is_one_that_grafana_reads():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["uid"] == "podium"
    assert dashboard["title"]
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert "namespace" in variables
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    occupied = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & occupied, f"{panel['title']} lies on another panel"
        occupied |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert all(target["refId"] for target in panel["targets"])
    for title, expression in expressions():
        assert 'namespace="$namespace"' in expression, title
        assert expression.count("(") == expression.count(")"), title
