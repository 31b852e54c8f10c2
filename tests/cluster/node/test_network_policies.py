"""The chart's NetworkPolicies, enforced: who really gets a connection, and who gets none.

Every service is a pod with the labels and the port of the chart, whose program says whether it can
connect. The firewall of kube-router enforces the policies. What they allow by the rules of the API
is evaluated by ``tests.cluster.policies``, for simulated pods and here alike.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.cluster.cluster import Object
from tests.cluster.node.conftest import NodeCluster
from tests.cluster.node.image import write_image
from tests.cluster.node.machine import HOST_ADDRESS
from tests.cluster.node.pods import restricted_pod
from tests.cluster.policies import connects
from tests.cluster.releases import CHARTS
from tests.support.charts import SERVICES
from tests.support.policy_programs import policy_programs

NAMESPACE, ELSEWHERE = "podium-policy-test", "podium-policy-elsewhere"
RELEASE = "podium-standard"
PROBE = "podium.local/probe:1"
PORT = 8000
STORE, METADATA = "203.0.113.10:443", "169.254.169.254:80"
"""An address of the internet (RFC 5737), and that of the metadata service of EC2."""

API_SERVER = [{"to": [{"ipBlock": {"cidr": f"{HOST_ADDRESS}/32"}}], "ports": [{"port": 443}]}]
OUTSIDE = "podium-outside"
HERE, THERE, LINK_PREFIX = "198.18.0.5", "198.18.0.6", 30
"""Ends of the link from the node to the world outside, which is a network namespace."""

SETTLED_S = 60.0

# Asks each probe, all at once: argv[1] is JSON, pairs of the address of a probe and a target.
ASK = """
import concurrent.futures, json, sys, urllib.request
def ask(pair):
    with urllib.request.urlopen("http://%s/?to=%s" % tuple(pair), timeout=30) as answer:
        return answer.read() == b"open"
pairs = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(json.dumps(list(pool.map(ask, pairs))))
"""


class Probes(NamedTuple):
    """The pods, and where they are."""

    on: NodeCluster
    pods: dict[str, Object]
    policies: list[Object]

    def open(self, calls: list[tuple[str, str]]) -> set[tuple[str, str]]:
        """Of calls from a pod to an address, those that get a connection."""
        pairs = [(address(self.pods[source]), target) for source, target in calls]
        answers = json.loads(self.on.machine.run(sys.executable, "-c", ASK, json.dumps(pairs)))
        return {call for call, is_open in zip(calls, answers, strict=True) if is_open}


@pytest.fixture(scope="module")
def probes(node_cluster: NodeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probes]:
    if shutil.which("ipset") is None:
        pytest.skip("a firewall for pods needs ipset (Debian: ipset)")
    programs = policy_programs()
    cluster, node, _ = node_cluster
    archive = tmp_path_factory.mktemp("probe") / "probe.tar"
    write_image(archive, PROBE, programs / "probe")
    node.import_image(archive)
    with (
        cluster.namespace(NAMESPACE) as namespace,
        cluster.namespace(ELSEWHERE) as elsewhere,
        outside(node_cluster, programs / "probe"),
    ):
        for policy in rendered_policies(node_cluster):
            cluster.apply(policy)
        for service in (*SERVICES, "test"):
            made = pod(service, labels(service))
            cluster.kubectl("create", f"--namespace={namespace}", "-f=-", stdin=made)
        stranger = pod("stranger", {"app": "stranger"})
        cluster.kubectl("create", f"--namespace={elsewhere}", "-f=-", stdin=stranger)
        wait = ("--for=condition=Ready", "pod", "--all", "--timeout=120s")
        for each in (namespace, elsewhere):
            cluster.kubectl("wait", f"--namespace={each}", *wait)
        pods = {
            each["metadata"]["name"]: each
            for place in (namespace, elsewhere)
            for each in cluster.items("pods", place)
        }
        probes = Probes(node_cluster, pods, cluster.items("networkpolicies", namespace))
        calls = [(a, address(pods[b])) for a, b in itertools.permutations(pods, 2)]
        calls += [(a, b) for a in pods for b in (STORE, METADATA)]
        assert probes.open(calls) == set(calls)  # nothing enforces them yet
        node.enforce_policies(programs / "kube-router")
        until_denied(probes, ("stranger", address(pods["decode"])))
        yield probes


def test_pods_connect_where_the_policies_allow_it_and_nowhere_else(probes: Probes) -> None:
    pairs = list(itertools.permutations(probes.pods, 2))
    calls = [(source, address(probes.pods[target])) for source, target in pairs]
    allowed = {
        call
        for call, (source, target) in zip(calls, pairs, strict=True)
        if connects(probes.policies, probes.pods[source], probes.pods[target])
    }
    assert probes.open(calls) == allowed
    assert 5 < len(allowed) < len(calls) / 2


def test_only_who_reads_objects_gets_out_and_nobody_to_the_metadata_service(
    probes: Probes,
) -> None:
    inside = [name for name in probes.pods if name != "stranger"]
    calls = list(itertools.product(inside, (STORE, METADATA)))
    assert probes.open(calls) == {("decode", STORE), ("postprocess", STORE)}


@contextmanager
def outside(on: NodeCluster, probe: Path) -> Iterator[None]:
    """A store and a metadata service, each behind its address, while the block runs."""
    machine = on.machine
    machine.run("ip", "netns", "add", OUTSIDE)
    machine.run("ip", "link", "add", "outside", "type", "veth", "peer", "eth0", "netns", OUTSIDE)
    machine.run("ip", "address", "add", f"{HERE}/{LINK_PREFIX}", "dev", "outside")
    machine.run("ip", "link", "set", "outside", "up")
    there = ("ip", "-n", OUTSIDE)
    machine.run(*there, "address", "add", f"{THERE}/{LINK_PREFIX}", "dev", "eth0")
    for device in ("eth0", "lo"):
        machine.run(*there, "link", "set", device, "up")
    for target in (STORE, METADATA):
        host = target.partition(":")[0]
        machine.run(*there, "address", "add", f"{host}/32", "dev", "lo")
        machine.run("ip", "route", "add", host, "via", THERE)
    machine.run(*there, "route", "add", "default", "via", HERE)
    serving = machine.command("ip", "netns", "exec", OUTSIDE, probe, STORE, METADATA)
    with subprocess.Popen(serving) as process:
        try:
            yield
        finally:
            process.kill()


def until_denied(probes: Probes, call: tuple[str, str]) -> None:
    """Wait until the firewall has taken up its work."""
    latest = time.monotonic() + SETTLED_S
    while probes.open([call]):
        assert time.monotonic() < latest, "no policy is enforced"
        time.sleep(0.5)


def address(pod: Object) -> str:
    return f"{pod['status']['podIP']}:{PORT}"


def labels(service: str) -> dict[str, str]:
    """Those by which the chart's policies know a pod of the release."""
    return {
        "app.kubernetes.io/name": "podium",
        "app.kubernetes.io/instance": RELEASE,
        "app.kubernetes.io/component": service,
    }


def rendered_policies(on: NodeCluster) -> list[Object]:
    rendered = on.cluster.helm(
        "template",
        RELEASE,
        str(CHARTS / "podium"),
        f"--namespace={NAMESPACE}",
        "--set=objectStore.readPrefixes={s3://clips/}",
        f"--set-json=networkPolicy.apiServer={json.dumps(API_SERVER)}",  # as the docs ask
        "--show-only=templates/networkpolicies.yaml",
    )
    return [each for each in yaml.safe_load_all(rendered) if each]


def pod(name: str, labels: dict[str, str]) -> Object:
    """A pod that runs the probe."""
    ports = [{"name": "http", "containerPort": PORT}]
    return restricted_pod(name, PROBE, labels=labels, args=[f":{PORT}"], ports=ports)
