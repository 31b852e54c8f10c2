"""What the NetworkPolicies of three releases allow, evaluated over all pairs of their pods.

Kwok's pods send nothing, so the rules are evaluated by ``tests.cluster.policies``.
"""

from __future__ import annotations

import itertools

import yaml

from podium.gateway.settings import GatewaySettings
from tests.cluster.policies import connects, enters
from tests.cluster.releases import Releases, component, name
from tests.support.charts import SERVICES, TIERS

CALLED = set(GatewaySettings.model_fields) & {f"{service}_url" for service in SERVICES}
EDGES = {("gateway", field.removesuffix("_url")) for field in CALLED}
"""The call graph, from the addresses that services have settings for: only the gateway has any."""


def test_policies_allow_the_call_graph_of_each_release_and_nothing_else(
    releases: Releases,
) -> None:
    policies = releases.cluster.items("networkpolicies", releases.namespace)
    pods = {tier: releases.pods(tier) for tier in TIERS}
    allowed = {
        (source_tier, component(source), target_tier, component(target))
        for source_tier, target_tier in itertools.product(TIERS, repeat=2)
        for source, target in itertools.product(pods[source_tier], pods[target_tier])
        if source is not target and connects(policies, source, target)
    }
    calls = {(tier, source, tier, target) for tier in TIERS for source, target in EDGES}
    # The gateway is the public door, but no pod of Podium has a reason to knock.
    assert allowed == calls


def test_everybody_reaches_the_gateway_and_strangers_nothing_else(releases: Releases) -> None:
    stranger = {"metadata": {"namespace": "elsewhere", "labels": {}}}
    policies = releases.cluster.items("networkpolicies", releases.namespace)
    reached = {component(p) for p in releases.pods("priority") if enters(policies, stranger, p)}
    assert reached == {"gateway"}


def test_the_pod_of_helm_test_calls_the_gateway_of_its_release(releases: Releases) -> None:
    hooks = releases.cluster.helm("get", "hooks", name("priority"), f"-n={releases.namespace}")
    (tester,) = [each for each in yaml.safe_load_all(hooks) if each and each["kind"] == "Pod"]
    policies = releases.cluster.items("networkpolicies", releases.namespace)
    reached = {
        (tier, component(pod))
        for tier in TIERS
        for pod in releases.pods(tier)
        if connects(policies, tester, pod)
    }
    assert reached == {("priority", "gateway")}
