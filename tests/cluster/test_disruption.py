"""Evictions, as a drain of a node does them, and pods that take the place of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.cluster import Cluster, CommandFailed, Object, eventually
from tests.cluster.releases import Releases, component, is_running, uids
from tests.support.charts import SERVICES


def test_no_eviction_empties_a_service(own: Cluster, releases: Releases) -> None:
    with cordoned(own, every_node(own)):  # so nothing takes the place of what goes
        for service in SERVICES:
            pods = releases.pods("standard", service)
            for pod in pods[:-1]:
                evict(own, pod)
            with pytest.raises(CommandFailed, match="violate the pod's disruption budget"):
                evict(own, pods[-1])
            assert [p for p in releases.pods("standard", service) if is_running(p)]
    assert eventually(lambda: all(map(is_running, releases.pods("standard"))), within_s=60)


def test_a_service_with_one_pod_is_not_evicted(own: Cluster, releases: Releases) -> None:
    with releases.changed("standard", "services.pose3d.replicas=1"):
        (pod,) = releases.pods("standard", "pose3d")
        with pytest.raises(CommandFailed, match="violate the pod's disruption budget"):
            evict(own, pod)


def test_priority_takes_the_place_of_standard(own: Cluster, releases: Releases) -> None:
    """With one M5 node left and that full, a pod of the priority tier still finds room."""
    m5 = [name for name in every_node(own) if name.startswith("m5")]
    others = uids(releases.pods("priority")) | uids(releases.pods("high-priority"))
    with cordoned(own, m5[1:]):
        releases.upgrade("standard", "services.decode.replicas=12", wait=False)
        assert eventually(lambda: waiting(releases, "standard"), within_s=60)
        standard = uids([p for p in releases.pods("standard") if is_running(p)])

        releases.upgrade("priority", "services.decode.replicas=5")
        decoders = releases.pods("priority", "decode")
        assert len(decoders) == 5
        assert all(map(is_running, decoders))
        added = [p for p in decoders if p["metadata"]["uid"] not in others]
        assert {p["spec"]["nodeName"] for p in added} == {m5[0]}

        assert not standard <= uids(releases.pods("standard"))
        assert others <= uids(releases.pods("priority")) | uids(releases.pods("high-priority"))
    releases.upgrade("priority")
    releases.upgrade("standard")


def evict(cluster: Cluster, pod: Object) -> None:
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    cluster.kubectl("create", f"--raw={path}", "-f=-", stdin=eviction)


def waiting(releases: Releases, tier: str) -> list[str]:
    """Services of pods for which there is no room."""
    return [
        component(pod)
        for pod in releases.pods(tier)
        for condition in pod["status"].get("conditions", [])
        if condition.get("reason") == "Unschedulable"
    ]


def every_node(cluster: Cluster) -> list[str]:
    return [node["metadata"]["name"] for node in cluster.get("nodes")["items"]]


@contextmanager
def cordoned(cluster: Cluster, nodes: list[str]) -> Iterator[None]:
    """Nothing new comes to these nodes while the block runs."""
    cluster.kubectl("cordon", *nodes)
    try:
        yield
    finally:
        cluster.kubectl("uncordon", *nodes)
