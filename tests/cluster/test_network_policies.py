"""What the NetworkPolicies of three releases allow, evaluated over all pairs of their pods.

Kwok's pods send nothing, so the rules are evaluated here, as the NetworkPolicy API defines them:
a connection needs a rule that lets it out of its source and one that lets it into its target.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import yaml

from podium.gateway.settings import GatewaySettings
from tests.cluster.cluster import Object
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


def connects(policies: list[Object], source: Object, target: Object) -> bool:
    return leaves(policies, source, target) and enters(policies, source, target)


def leaves(policies: list[Object], source: Object, target: Object) -> bool:
    rules = rules_for(policies, source, "Egress")
    return rules is None or any(matches(rule, "to", source, target, target) for rule in rules)


def enters(policies: list[Object], source: Object, target: Object) -> bool:
    rules = rules_for(policies, target, "Ingress")
    return rules is None or any(matches(rule, "from", target, source, target) for rule in rules)


def rules_for(policies: list[Object], pod: Object, direction: str) -> list[Object] | None:
    """The rules of all policies that select the pod; None: none does, so all is allowed."""
    selecting = [
        policy["spec"]
        for policy in policies
        if direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], pod)
    ]
    if not selecting:
        return None
    return list(itertools.chain(*(spec.get(direction.lower(), []) for spec in selecting)))


def matches(rule: Object, key: str, owner: Object, peer: Object, target: Object) -> bool:
    peers = rule.get(key)
    return (peers is None or any(is_peer(each, owner, peer) for each in peers)) and (
        "ports" not in rule or bool(set(ports(rule)) & set(open_ports(target)))
    )


def is_peer(selector: Object, owner: Object, peer: Object) -> bool:
    """Whether a selector of a rule means a pod; an address block may mean any."""
    if "ipBlock" in selector:
        return True
    if "namespaceSelector" in selector:
        namespace = {"kubernetes.io/metadata.name": peer["metadata"]["namespace"]}
        labels = selector["namespaceSelector"].get("matchLabels", {})
        if not labels.items() <= namespace.items():
            return False
    elif owner["metadata"]["namespace"] != peer["metadata"]["namespace"]:
        return False
    return selects(selector.get("podSelector", {}), peer)


def selects(selector: Object, pod: Object) -> bool:
    assert selector.keys() <= {"matchLabels"}, "this evaluates labels only"
    wanted: dict[str, str] = selector.get("matchLabels", {})
    labels: dict[str, str] = pod["metadata"]["labels"]
    return wanted.items() <= labels.items()


def ports(rule: Object) -> Iterator[str | int]:
    for port in rule["ports"]:
        yield port["port"]


def open_ports(pod: Object) -> Iterator[str | int]:
    for container in pod["spec"]["containers"]:
        for port in container["ports"]:
            yield from (port["name"], port["containerPort"])
