"""Which pods get requests: readiness, ends, zones, families; and what happens without leave."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from podium.errors import SetupError
from podium.kubernetes.api import KubernetesApi
from podium.serving.calling.balancer import Balancer
from podium.serving.calling.endpoint_slices import EndpointSliceEndpoints, pod_addresses
from podium.serving.calling.endpoints import read_endpoints
from tests.support.api_server import SLICES, ApiServer, served_to_here
from tests.support.waiting import until

LABELS = {"labels": {"kubernetes.io/service-name": "pose2d"}}


def pod(address, *, zone=None, hint=None, **conditions):
    made = {"addresses": [address], "conditions": conditions}
    if zone:
        made["zone"] = zone
    if hint:
        made["hints"] = {"forZones": [{"name": hint}]}
    return made


def one_slice(*pods, family="IPv4"):
    return {"addressType": family, "endpoints": list(pods)}


READY = {"ready": True, "serving": True, "terminating": False}
STARTING = {"ready": False, "serving": False, "terminating": False}
ENDING = {"ready": False, "serving": True, "terminating": True}
ENDED = {"ready": False, "serving": False, "terminating": True}


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([], []),
        ([{"addressType": "IPv4", "endpoints": None}], []),
        ([one_slice(pod("10.0.0.2", **READY), pod("10.0.0.1", **READY))], ["10.0.0.1", "10.0.0.2"]),
        ([one_slice(pod("10.0.0.1"))], ["10.0.0.1"]),  # unknown means ready
        ([one_slice(pod("10.0.0.1", **STARTING))], []),
        ([one_slice(pod("10.0.0.1", **ENDING), pod("10.0.0.2", **READY))], ["10.0.0.2"]),
        ([one_slice(pod("10.0.0.1", **ENDING), pod("10.0.0.2", **ENDED))], ["10.0.0.1"]),
        (
            [one_slice(pod("10.0.0.1", **READY)), one_slice(pod("10.0.0.1", **READY))],
            ["10.0.0.1"],  # an endpoint on its way from one slice to another is in both
        ),
        (
            [one_slice(pod("fd00::1", **READY), family="IPv6"), one_slice(pod("10.0.0.1"))],
            ["10.0.0.1"],
        ),
        ([one_slice(pod("fd00::1", **READY), family="IPv6")], ["fd00::1"]),
        ([one_slice(pod("pods.example.org"), family="FQDN")], []),
    ],
)
def test_pods_that_get_requests(slices, expected):
    assert pod_addresses(slices) == expected


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([pod("1", zone="a"), pod("2", zone="b")], ["1"]),
        ([pod("1", zone="b"), pod("2", zone="c")], ["1", "2"]),  # none here: all
        ([pod("1", zone="a", **STARTING), pod("2", zone="b", **READY)], ["2"]),
        ([pod("1"), pod("2")], ["1", "2"]),
        ([pod("1", zone="b", hint="a"), pod("2", zone="a", hint="b")], ["1"]),  # hints decide,
        ([pod("1", zone="b", hint="a"), pod("2", zone="a")], ["2"]),  # if all pods have them
        ([pod("1", zone="b", hint="b"), pod("2", zone="c", hint="c")], ["1", "2"]),
    ],
)
def test_pods_of_the_zone_come_first(pods, expected):
    assert pod_addresses([one_slice(*pods)], zone="a") == expected
    assert pod_addresses([one_slice(*pods)]) == sorted(
        p["addresses"][0] for p in pods if p["conditions"].get("ready", True)
    )


@pytest.fixture
async def server(monkeypatch, tmp_path) -> AsyncIterator[ApiServer]:
    async with served_to_here(monkeypatch, tmp_path) as server:
        yield server


@asynccontextmanager
async def followed(host: str, zone: str | None = None) -> AsyncIterator[EndpointSliceEndpoints]:
    async with KubernetesApi() as api:
        endpoints = EndpointSliceEndpoints(api, host, 8003, zone=zone)
        task = asyncio.create_task(endpoints.watch())
        try:
            yield endpoints
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_calls_follow_the_pods(server):
    server.put(SLICES, "other", metadata={"labels": {}}, **one_slice(pod("10.9.9.9")))
    server.put(SLICES, "pose2d-1", metadata=LABELS, **one_slice(pod("10.0.0.1", **READY)))
    async with followed("pose2d") as endpoints:
        balancer = Balancer("pose2d", endpoints)
        await until(lambda: endpoints.addresses() == ("http://10.0.0.1:8003",))
        with balancer.pick(1) as replica:  # in flight while the pod is told to end
            both = one_slice(pod("10.0.0.1", **ENDING), pod("10.0.0.2", **READY))
            server.put(SLICES, "pose2d-1", metadata=LABELS, **both)
            await until(lambda: endpoints.addresses() == ("http://10.0.0.2:8003",))
            with balancer.pick(1) as other:
                assert other.address == "http://10.0.0.2:8003"
            assert replica.in_flight_rows == 1
        server.put(SLICES, "pose2d-2", metadata=LABELS, **one_slice(pod("10.0.0.3", **READY)))
        await until(lambda: len(endpoints.addresses()) == 2)
        server.delete(SLICES, "pose2d-1")
        await until(lambda: endpoints.addresses() == ("http://10.0.0.3:8003",))
        server.refuse = {"watch": 500, "list": 500}
        server.cut_streams()
        await until(lambda: server.count("watch") >= 3)
        assert endpoints.addresses() == ("http://10.0.0.3:8003",)


async def test_without_leave_replicas_come_from_dns(server, caplog):
    server.refuse = {"list": 403}
    server.put(SLICES, "s", metadata={"labels": {"kubernetes.io/service-name": "localhost"}},
               **one_slice(pod("10.0.0.1", **READY)))  # fmt: skip
    async with followed("localhost") as endpoints:
        await until(lambda: "http://127.0.0.1:8003" in endpoints.addresses())
        await until(lambda: server.count("list") >= 4)
        (said,) = [r.message for r in caplog.records if r.levelno == logging.WARNING]
        assert said == (
            "endpointslices (kubernetes.io/service-name=localhost): 403 not in the mood; "
            "replicas of localhost come from DNS"
        )
        server.refuse = {}  # the role binding is there now
        await until(lambda: endpoints.addresses() == ("http://10.0.0.1:8003",))
        server.refuse = {"watch": 403}  # and now it is not
        server.cut_streams()
        await until(lambda: "http://127.0.0.1:8003" in endpoints.addresses())


async def test_outside_a_cluster_replicas_come_from_dns(monkeypatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    async with followed("localhost") as endpoints:
        await until(lambda: "http://127.0.0.1:8003" in endpoints.addresses())


async def test_a_service_of_another_namespace(server):
    other = SLICES.replace("sport", "models")
    server.put(other, "s", metadata=LABELS, **one_slice(pod("10.0.0.1", **READY)))
    async with followed("pose2d.models.svc") as endpoints:
        await until(lambda: endpoints.addresses() == ("http://10.0.0.1:8003",))


def test_the_setting(monkeypatch):
    made = []

    def pods(service, port):
        made.append((service, port))
        return EndpointSliceEndpoints(KubernetesApi(), service, port)

    read_endpoints(
        "kubernetes://podium-pose2d:8003", setting="PODIUM_GATEWAY_POSE2D_URL", pods=pods
    )
    assert made == [("podium-pose2d", 8003)]
    for wrong in ("kubernetes://pose2d", "kubernetes://a:1,kubernetes://b:1"):
        with pytest.raises(SetupError, match="PODIUM_GATEWAY_POSE2D_URL"):
            read_endpoints(wrong, setting="PODIUM_GATEWAY_POSE2D_URL", pods=pods)
    monkeypatch.setitem(sys.modules, "kubernetes.aio.client", None)
    with pytest.raises(SetupError, match=r"pip install 'podium\[kubernetes\]'"):
        read_endpoints("kubernetes://pose2d:8003", setting="PODIUM_GATEWAY_POSE2D_URL", pods=pods)
