"""What is counted of calls to a real server, and of the processes of a service."""

import asyncio
import subprocess
import sys
import time
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
import pytest

from podium.errors import Unavailable
from podium.serving.app import create_service_app
from podium.serving.calling.client import OipClient
from podium.serving.calling.connections import Connections
from podium.serving.calling.endpoints import StaticEndpoints
from podium.serving.http.settings import ServiceSettings
from podium.serving.observing.request_context import (
    RequestContext,
    current_request,
    enter_request,
    leave_request,
)
from podium.serving.observing.telemetry import Metrics
from podium.serving.oip.catalogue import Catalogue
from podium.wire import InferResult, TensorSpec
from tests.support.service_thread import serving

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOWHERE = "http://127.0.0.1:9"


BUSY = "import time, sys; exec('while time.process_time() < 0.4: pass'); print(); sys.stdin.read()"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_cpu_time_of_a_service_includes_its_processes_before_and_after_their_end():
    registry = Metrics("decode").registry

    def beside_own_s() -> float:
        counted = registry.get_sample_value("process_cpu_seconds_total")
        return counted - time.process_time()

    before_s = beside_own_s()
    # As a decoder and the process that forks it: a child of a child.
    shell = f"'{sys.executable}' -c \"{BUSY}\"; exit 0"
    with subprocess.Popen(
        ["/bin/sh", "-c", shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        assert beside_own_s() - before_s >= 0.3
        child.stdin.close()
        child.wait(60)
    assert beside_own_s() - before_s >= 0.3


@contextmanager
def working_for(request):
    token = enter_request(request)
    try:
        yield request
    finally:
        leave_request(token)


class Witness:
    """Answers with its input and remembers who asked."""

    name, version, platform = "witness", "1", "test"
    inputs = outputs = (TensorSpec("x", "FP32", (-1,)),)
    parameters = MappingProxyType({})

    def __init__(self, wait_s=0.0):
        self.wait_s = wait_s
        self.took_s = 0.0
        self.seen = []

    async def infer(self, request):
        self.seen.append(current_request())
        began = time.perf_counter()
        await asyncio.sleep(self.wait_s)
        self.took_s += time.perf_counter() - began
        return InferResult(dict(request.inputs))


@contextmanager
def stage(model):
    app = create_service_app("test", Catalogue([model]), ServiceSettings(), summary="For tests.")
    with serving(app) as url:
        yield url


ROW = {"x": np.zeros(1, np.float32)}


async def test_a_call_passes_trace_and_id_on_and_is_timed():
    model, metrics = Witness(wait_s=0.05), Metrics("gateway")
    with stage(model) as url, working_for(RequestContext("id-1", TRACEPARENT, "v=1")) as request:
        async with Connections() as pool:
            client = OipClient(pool, "pose2d", StaticEndpoints([url]), metrics.calls("pose2d"))
            await client.infer("witness", ROW)
            await client.infer("witness", ROW, call="crop")
    for seen in model.seen:
        assert (seen.request_id, seen.traceparent, seen.tracestate) == ("id-1", TRACEPARENT, "v=1")
    assert request.calls == {"pose2d": 1, "crop": 1}
    assert request.phases["pose2d"] >= 0.05
    calls_s = request.phases["pose2d"] + request.phases["crop"]
    assert 0 < request.phases["transfer"] <= calls_s - model.took_s
    for call in ("pose2d", "crop"):
        for phase in ("total", "transfer"):
            assert (
                metrics.registry.get_sample_value(
                    "podium_stage_duration_seconds_count", {"stage": call, "phase": phase}
                )
                == 1
            )


async def test_retries_ejections_and_replicas_are_counted():
    metrics = Metrics("gateway")
    with stage(Witness()) as url:
        async with Connections() as pool:
            client = OipClient(
                pool, "pose2d", StaticEndpoints([NOWHERE, url]), metrics.calls("pose2d")
            )
            for _ in range(40):  # at each, the dead replica has a chance of a half to come first
                await client.infer("witness", ROW)

    def counted(name):
        return metrics.registry.get_sample_value(f"podium_stage_{name}", {"stage": "pose2d"})

    assert counted("replicas") == 2
    assert counted("retries_total") >= 3
    assert counted("ejections_total") >= 1
    assert counted("ejections_total") == counted("retries_total") - 2  # from the third in a row on


async def test_a_failed_call_is_timed_too():
    metrics = Metrics("gateway")
    async with Connections() as pool:
        client = OipClient(pool, "pose2d", StaticEndpoints([NOWHERE]), metrics.calls("pose2d"))
        with pytest.raises(Unavailable):
            await client.infer("witness", ROW, address=NOWHERE)
    labels = {"stage": "pose2d", "phase": "total"}
    count = metrics.registry.get_sample_value("podium_stage_duration_seconds_count", labels)
    assert count == 1
