"""Gateways find the pods of a stage: in EndpointSlices, near by first, without leave in DNS."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.local.stack import Stack
from tests.cluster.cluster import Cluster, Object, eventually
from tests.cluster.gateways import (
    NAMESPACE,
    RECONNECT_S,
    Gateways,
    running,
    write_credentials,
)
from tests.support.http_calls import post
from tests.support.nodes import ZONES

IN_NAMESPACE = f"--namespace={NAMESPACE}"
LABELS = {"app": "postprocess"}
REPLICAS = 'podium_stage_replicas{stage="postprocess"}'


def test_calls_go_to_the_pods_in_endpoint_slices(cluster: Cluster, gateways: Gateways) -> None:
    pods = endpoint_slice("postprocess", 8005, ["10.1.2.3", "10.1.2.4", "10.1.2.5"])
    pods["endpoints"][2]["conditions"] = {"ready": False}
    cluster.apply(pods)
    assert gateways.all_say("/metrics", f"{REPLICAS} 2.0", within_s=RECONNECT_S)
    pods["endpoints"][0]["conditions"] = {"ready": False, "serving": True, "terminating": True}
    cluster.apply(pods)
    assert gateways.all_say("/metrics", f"{REPLICAS} 1.0")
    cluster.kubectl("delete", "endpointslice", "postprocess-1", IN_NAMESPACE)
    assert gateways.all_say("/metrics", f"{REPLICAS} 0.0")


def test_calls_follow_the_pods_of_a_deployment(own: Cluster, gateways: Gateways) -> None:
    own.apply(service(), deployment(3))
    own.kubectl("rollout", "status", "deployment/postprocess", IN_NAMESPACE, "--timeout=180s")
    assert gateways.all_say("/metrics", f"{REPLICAS} 3.0", within_s=RECONNECT_S)
    own.kubectl("scale", "deployment/postprocess", "--replicas=1", IN_NAMESPACE)
    assert gateways.all_say("/metrics", f"{REPLICAS} 1.0", within_s=30)
    own.kubectl("delete", "deployment/postprocess", "service/postprocess", IN_NAMESPACE)
    assert gateways.all_say("/metrics", f"{REPLICAS} 0.0", within_s=30)


@pytest.mark.parametrize("distribution", [None, "PreferSameZone"])
def test_pods_of_the_zone_come_first(
    own: Cluster, service_account: Path, stack: Stack, distribution: str | None
) -> None:
    """With the hints of the control plane, and without: by the zones of the pods."""
    here, *others = ZONES
    near = {
        "PODIUM_GATEWAY_ZONE": here,
        "PODIUM_GATEWAY_POSTPROCESS_URL": "kubernetes://postprocess:8005",
    }
    own.apply(service(trafficDistribution=distribution), deployment(2 * len(ZONES)))
    own.kubectl("rollout", "status", "deployment/postprocess", IN_NAMESPACE, "--timeout=180s")
    with running(own, service_account, stack, 1, **near) as gateways:
        assert gateways.all_say("/metrics", f"{REPLICAS} 2.0", within_s=30)
        assert is_hinted(own) == (distribution is not None)
        own.apply(deployment(4, zones=others))  # and none here
        assert gateways.all_say("/metrics", f"{REPLICAS} 4.0", within_s=60)
    own.kubectl("delete", "deployment/postprocess", "service/postprocess", IN_NAMESPACE)


def test_without_leave_calls_go_where_dns_says(
    cluster: Cluster, namespace: str, stack: Stack, clip: Path, tmp_path: Path
) -> None:
    write_credentials(cluster, "default", tmp_path)  # an account that nobody gave any rights
    named = {
        f"PODIUM_GATEWAY_{stage.upper()}_URL": url.replace(
            "http://127.0.0.1:", "kubernetes://localhost:"
        )
        for stage, url in stack.urls.items()
        if stage != "gateway"
    }
    port = int(stack.urls["decode"].rpartition(":")[2])
    with running(cluster, tmp_path, stack, 1, **named) as gateways:
        (gateway,) = gateways.processes
        url = f"{gateway.url}/v1/pipelines/pose-3d?count=2"
        status, answer = post(url, clip.read_bytes(), "video/mp4")
        assert status == 200, answer
        assert [frame["status"] for frame in answer["frames"]] == ["ok", "ok"]
        (log,) = gateways.logs
        assert any("403" in line and "replicas of localhost come from DNS" in line for line in log)

        cluster.apply(endpoint_slice("localhost", port, ["10.1.2.3", "10.1.2.4"]))
        account = f"--serviceaccount={NAMESPACE}:default"
        role = ("rolebinding", "leave", "--role=podium-club-gateway", account, IN_NAMESPACE)
        cluster.kubectl("create", *role)
        known = 'podium_stage_replicas{stage="decode"} 2.0'
        assert gateways.all_say("/metrics", known, within_s=RECONNECT_S)
    cluster.kubectl("delete", "rolebinding/leave", "endpointslice/localhost-1", IN_NAMESPACE)


def test_pods_can_be_told_their_zone(own: Cluster, namespace: str) -> None:
    """API servers of 1.35 and later give pods the zone of their node, ``PODIUM_GATEWAY_ZONE``."""
    own.apply(service(), deployment(3))
    own.kubectl("rollout", "status", "deployment/postprocess", IN_NAMESPACE, "--timeout=180s")
    zones = {pod["metadata"]["labels"].get("topology.kubernetes.io/zone") for pod in pods(own)}
    assert zones == set(ZONES)
    own.kubectl("delete", "deployment/postprocess", "service/postprocess", IN_NAMESPACE)


def is_hinted(cluster: Cluster) -> bool:
    """Whether the control plane says which zone each pod is for."""
    selector = "kubernetes.io/service-name=postprocess"

    def hints() -> list[bool]:
        found = cluster.items("endpointslices", NAMESPACE, selector)
        return ["hints" in endpoint for each in found for endpoint in each["endpoints"]]

    return all(eventually(hints, within_s=10))


def pods(cluster: Cluster) -> list[Object]:
    return cluster.items("pods", NAMESPACE, "app=postprocess")


def endpoint_slice(service: str, port: int, addresses: list[str]) -> Object:
    labels = {"kubernetes.io/service-name": service}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{service}-1", "namespace": NAMESPACE, "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port}],
        "endpoints": [{"addresses": [each], "conditions": {"ready": True}} for each in addresses],
    }


def service(**spec: str | None) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "postprocess", "namespace": NAMESPACE},
        "spec": {"clusterIP": "None", "selector": LABELS, "ports": [{"port": 8005}], **spec},
    }


def deployment(replicas: int, zones: list[str] | tuple[str, ...] = ZONES) -> Object:
    """Pods evenly over ``zones``, which all run before any old one goes."""
    container: Object = {
        "name": "postprocess",
        "image": "podium.local/postprocess",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    key = "topology.kubernetes.io/zone"
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": list(zones)}]}]
    spread = {
        "topologyKey": key,
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": LABELS},
        "matchLabelKeys": ["pod-template-hash"],
    }
    pod = {
        "containers": [container],
        "topologySpreadConstraints": [spread],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
            }
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "postprocess", "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }
