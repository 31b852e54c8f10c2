"""What NetworkPolicies allow between pods, evaluated as the NetworkPolicy API defines them.

A connection needs a rule that lets it out of its source and one that lets it into its target.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.cluster.cluster import Object


def connects(policies: list[Object], source: Object, target: Object) -> bool:
    """Whether a pod may call another."""
    return leaves(policies, source, target) and enters(policies, source, target)


def leaves(policies: list[Object], source: Object, target: Object) -> bool:
    """Whether the policies of the source let the call out."""
    rules = _rules_for(policies, source, "Egress")
    return rules is None or any(_matches(rule, "to", source, target, target) for rule in rules)


def enters(policies: list[Object], source: Object, target: Object) -> bool:
    """Whether the policies of the target let the call in."""
    rules = _rules_for(policies, target, "Ingress")
    return rules is None or any(_matches(rule, "from", target, source, target) for rule in rules)


def _rules_for(policies: list[Object], pod: Object, direction: str) -> list[Object] | None:
    """The rules of all policies that select the pod; None: none does, so all is allowed."""
    selecting = [
        policy["spec"]
        for policy in policies
        if direction in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], pod)
    ]
    if not selecting:
        return None
    return list(itertools.chain(*(spec.get(direction.lower(), []) for spec in selecting)))


def _matches(rule: Object, key: str, owner: Object, peer: Object, target: Object) -> bool:
    peers = rule.get(key)
    return (peers is None or any(_is_peer(each, owner, peer) for each in peers)) and (
        "ports" not in rule or bool(set(_ports(rule)) & set(_open_ports(target)))
    )


def _is_peer(selector: Object, owner: Object, peer: Object) -> bool:
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
    return _selects(selector.get("podSelector", {}), peer)


def _selects(selector: Object, pod: Object) -> bool:
    assert selector.keys() <= {"matchLabels"}, "this evaluates labels only"
    wanted: dict[str, str] = selector.get("matchLabels", {})
    labels: dict[str, str] = pod["metadata"]["labels"]
    return wanted.items() <= labels.items()


def _ports(rule: Object) -> Iterator[str | int]:
    for port in rule["ports"]:
        yield port["port"]


def _open_ports(pod: Object) -> Iterator[str | int]:
    for container in pod["spec"]["containers"]:
        for port in container["ports"]:
            yield from (port["name"], port["containerPort"])
