"""Pods that say whether they can connect, and a world outside of the cluster for them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.cluster.cluster import Object
from tests.cluster.node.conftest import NodeCluster
from tests.cluster.node.pods import restricted_pod

PROBE = "podium.local/probe:1"
PORT = 8000
STORE, DATABASE = "203.0.113.10:443", "203.0.113.10:3306"
"""Of the internet (RFC 5737)."""
PRIVATE = "10.200.0.1:443"
"""Somebody else's service in a private network."""
METADATA = "169.254.169.254:80"
"""The metadata service of EC2."""
BEYOND = (STORE, DATABASE, PRIVATE, METADATA)

OUTSIDE = "podium-outside"
HERE, THERE, LINK_PREFIX = "198.18.0.5", "198.18.0.6", 30
"""Ends of the link from the node to the world outside, which is a network namespace."""

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


def probe_pod(name: str, labels: Mapping[str, str]) -> Object:
    """A pod that runs the probe."""
    ports = [{"name": "http", "containerPort": PORT}]
    return restricted_pod(name, PROBE, labels=labels, args=[f":{PORT}"], ports=ports)


def address(pod: Object) -> str:
    """Where the probe of a pod listens."""
    return f"{pod['status']['podIP']}:{PORT}"


@contextmanager
def outside(on: NodeCluster, probe: Path) -> Iterator[None]:
    """The world outside, each of ``BEYOND`` behind its address, while the block runs."""
    machine = on.machine
    machine.run("ip", "netns", "add", OUTSIDE)
    machine.run("ip", "link", "add", "outside", "type", "veth", "peer", "eth0", "netns", OUTSIDE)
    machine.run("ip", "address", "add", f"{HERE}/{LINK_PREFIX}", "dev", "outside")
    machine.run("ip", "link", "set", "outside", "up")
    there = ("ip", "-n", OUTSIDE)
    machine.run(*there, "address", "add", f"{THERE}/{LINK_PREFIX}", "dev", "eth0")
    for device in ("eth0", "lo"):
        machine.run(*there, "link", "set", device, "up")
    for host in {target.partition(":")[0] for target in BEYOND}:
        machine.run(*there, "address", "add", f"{host}/32", "dev", "lo")
        machine.run("ip", "route", "add", host, "via", THERE)
    machine.run(*there, "route", "add", "default", "via", HERE)
    with subprocess.Popen(
        machine.command("ip", "netns", "exec", OUTSIDE, probe, *BEYOND)
    ) as serving:
        try:
            yield
        finally:
            serving.kill()
