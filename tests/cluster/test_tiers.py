"""The three tiers side by side: admitted, placed, upgraded, rolled back."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.cluster.cluster import Cluster, CommandFailed, Object
from tests.cluster.releases import Releases, component, name, uids
from tests.support.charts import SERVICES, TIERS

ON_GPU = {
    "standard": set(),
    "priority": {"pose2d", "pose3d"},
    "high-priority": {"detection", "pose2d", "pose3d"},
}


def test_three_tiers_are_installed_side_by_side(releases: Releases) -> None:
    listed = json.loads(
        releases.cluster.helm("list", f"--namespace={releases.namespace}", "--output=json")
    )
    assert {each["name"]: each["status"] for each in listed} == {
        name(tier): "deployed" for tier in TIERS
    }
    for tier in TIERS:
        deployments = releases.deployments(tier)
        assert {component(each) for each in deployments} == set(SERVICES)
        for deployment in deployments:
            assert deployment["status"]["readyReplicas"] == deployment["spec"]["replicas"]


@pytest.mark.parametrize("tier", TIERS)
def test_services_run_on_the_nodes_that_the_tier_says(releases: Releases, tier: str) -> None:
    nodes = {node["metadata"]["name"]: node for node in releases.cluster.get("nodes")["items"]}
    for pod in releases.pods(tier):
        service = component(pod)
        family = nodes[pod["spec"]["nodeName"]]["metadata"]["labels"][
            "karpenter.k8s.aws/instance-family"
        ]
        assert family == ("g4dn" if service in ON_GPU[tier] else "m5"), service
        assert gpus(pod) == (1 if service in ON_GPU[tier] else 0), service


def test_a_gpu_node_runs_no_more_pods_than_it_has_gpus(own: Cluster, releases: Releases) -> None:
    pods = own.get("pods", "--all-namespaces")["items"]
    per_node = Counter(pod["spec"]["nodeName"] for pod in pods)
    on_gpu = {node: count for node, count in per_node.items() if node.startswith("g4dn")}
    assert len(on_gpu) == sum(len(releases.pods(tier, s)) for tier in TIERS for s in ON_GPU[tier])
    assert set(on_gpu.values()) == {1}


def test_pods_of_a_service_are_spread_over_zones(own: Cluster, releases: Releases) -> None:
    zones = {
        node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"]
        for node in own.get("nodes")["items"]
    }
    per_zone = Counter(
        zones[pod["spec"]["nodeName"]] for pod in releases.pods("high-priority", "decode")
    )
    assert set(per_zone.values()) == {2}


def test_the_namespace_admits_restricted_pods_only(releases: Releases) -> None:
    """What the tiers run is admitted; this shows that something else would not be."""
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {"containers": [{"name": "root", "image": "podium.local/root"}]},
    }
    with pytest.raises(CommandFailed, match='violates PodSecurity "restricted:latest"'):
        releases.cluster.kubectl("create", f"-n={releases.namespace}", "-f=-", stdin=pod)


@pytest.mark.parametrize("tier", TIERS)
def test_upgrade_and_rollback_of_one_tier_leave_the_others_alone(
    releases: Releases, tier: str
) -> None:
    others = [each for each in TIERS if each != tier]
    before = {each: uids(releases.pods(each)) for each in others}
    image, replicas = image_of(releases, tier), count(releases, tier)

    changes = (f"services.decode.replicas={replicas + 1}", "services.decode.image.tag=next")
    releases.upgrade(tier, *changes)
    assert image_of(releases, tier).endswith(":next")
    assert count(releases, tier) == replicas + 1 == len(releases.pods(tier, "decode"))

    releases.rollback(tier)
    assert image_of(releases, tier) == image
    assert count(releases, tier) == replicas == len(releases.pods(tier, "decode"))
    assert {each: uids(releases.pods(each)) for each in others} == before


def gpus(pod: Object) -> int:
    limits = [container["resources"]["limits"] for container in pod["spec"]["containers"]]
    return sum(int(each.get("nvidia.com/gpu", 0)) for each in limits)


def image_of(releases: Releases, tier: str) -> str:
    pod = releases.deployment(tier, "decode")["spec"]["template"]["spec"]
    image: str = pod["containers"][0]["image"]
    return image


def count(releases: Releases, tier: str) -> int:
    replicas: int = releases.deployment(tier, "decode")["spec"]["replicas"]
    return replicas
