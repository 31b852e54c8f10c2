"""Pods that really run: containers, addresses, logs, and the way to the API server."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pytest

from tests.cluster.node.conftest import NodeCluster
from tests.cluster.node.node import NAME, PAUSE, PODS
from tests.cluster.node.pods import restricted_pod

NAMESPACE = "podium-node-test"


@pytest.fixture(scope="module")
def namespace(node_cluster: NodeCluster) -> Iterator[str]:
    with node_cluster.cluster.namespace(NAMESPACE) as namespace:
        yield namespace


def test_a_restricted_pod_runs(node_cluster: NodeCluster, namespace: str) -> None:
    cluster = node_cluster.cluster
    limits = {"limits": {"cpu": "100m", "memory": "16Mi"}}
    made = restricted_pod("pause", PAUSE, labels={}, resources=limits)
    cluster.kubectl("create", f"--namespace={namespace}", "-f=-", stdin=made)
    cluster.kubectl(
        "wait", "pod/pause", f"--namespace={namespace}", "--for=condition=Ready", "--timeout=60s"
    )
    pod = cluster.get("pod", "pause", f"--namespace={namespace}")
    assert pod["spec"]["nodeName"] == NAME
    assert ipaddress.ip_address(pod["status"]["podIP"]) in ipaddress.ip_network(PODS)
    assert "/program" in node_cluster.machine.run("ps", "-e", "-o", "args")
    assert cluster.kubectl("logs", "pause", f"--namespace={namespace}") == ""
