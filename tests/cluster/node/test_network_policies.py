"""The charts' NetworkPolicies, enforced: who really gets a connection, and who gets none.

Every service is a pod with the labels and the port of its chart, whose program says whether it can
connect. The firewall of kube-router enforces the policies. What they allow by the rules of the API
is evaluated by ``tests.cluster.policies``, for simulated pods and here alike.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.cluster import Object
from tests.cluster.node.conftest import NodeCluster
from tests.cluster.node.image import write_image
from tests.cluster.node.machine import HOST_ADDRESS
from tests.cluster.node.probes import (
    BEYOND,
    DATABASE,
    PROBE,
    STORE,
    Probes,
    address,
    outside,
    probe_pod,
)
from tests.cluster.policies import connects
from tests.cluster.releases import CHARTS
from tests.support.charts import SERVICES
from tests.support.policy_programs import policy_programs

NAMESPACE, ELSEWHERE, MONITORING = "podium-policy-test", "podium-policy-elsewhere", "monitoring"
TIER, JOBS = "podium-standard", "podium-jobs"
API_SERVER = [{"to": [{"ipBlock": {"cidr": f"{HOST_ADDRESS}/32"}}], "ports": [{"port": 443}]}]
RELEASES = {
    TIER: (
        "podium",
        "--set=objectStore.readPrefixes={s3://clips/}",
        f"--set-json=networkPolicy.apiServer={json.dumps(API_SERVER)}",  # as the docs ask
    ),
    JOBS: ("podium-jobs", "--set=objectStore.bucket=jobs"),
}
COMPONENTS = {TIER: (*SERVICES, "test"), JOBS: ("api", "controller", "migration", "test")}
SETTLED_S = 60.0


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
        cluster.namespace(NAMESPACE) as inside,
        cluster.namespace(ELSEWHERE) as elsewhere,
        cluster.namespace(MONITORING) as monitoring,
        outside(node_cluster, programs / "probe"),
    ):
        for policy in itertools.chain(*(rendered_policies(node_cluster, r) for r in RELEASES)):
            cluster.apply(policy)
        made = {
            inside: [
                probe_pod(name(release, component), labels(release, component))
                for release, components in COMPONENTS.items()
                for component in components
            ],
            elsewhere: [probe_pod("stranger", {"app": "stranger"})],
            monitoring: [probe_pod("prometheus", {"app": "prometheus"})],
        }
        for namespace, pods in made.items():
            for pod in pods:
                cluster.kubectl("create", f"--namespace={namespace}", "-f=-", stdin=pod)
        for namespace in made:
            ready = ("--for=condition=Ready", "pod", "--all", "--timeout=180s")
            cluster.kubectl("wait", f"--namespace={namespace}", *ready)
        running = {
            pod["metadata"]["name"]: pod
            for namespace in made
            for pod in cluster.items("pods", namespace)
        }
        probes = Probes(node_cluster, running, cluster.items("networkpolicies", inside))
        calls = pairs(probes) + [(source, target) for source in running for target in BEYOND]
        assert probes.open(calls) == set(calls)  # nothing enforces them yet
        node.enforce_policies(programs / "kube-router")
        until_denied(probes, ("stranger", address(running["decode"])))
        yield probes


def test_pods_connect_where_the_policies_allow_it_and_nowhere_else(probes: Probes) -> None:
    allowed = {
        (source, address(probes.pods[target]))
        for source, target in itertools.permutations(probes.pods, 2)
        if connects(probes.policies, probes.pods[source], probes.pods[target])
    }
    assert probes.open(pairs(probes)) == allowed
    assert 10 < len(allowed) < len(pairs(probes)) / 4


def test_who_calls_what_of_the_jobs(probes: Probes) -> None:
    """As it is meant, whatever the policies say: the api is open, the controller calls gateways."""
    targets = {address(probes.pods[each]): each for each in [*named(JOBS), "gateway", "decode"]}
    calls = [(source, target) for source in probes.pods for target in targets]
    found = {(source, targets[target]) for source, target in probes.open(calls)}
    of_jobs = {pair for pair in found if pair[0] in named(JOBS) and pair[0] != pair[1]}
    assert of_jobs == {("jobs-controller", "gateway"), ("jobs-test", "jobs-api")}
    assert {pair for pair in found if pair[0] == "stranger"} == {
        ("stranger", "jobs-api"),
        ("stranger", "gateway"),
    }
    assert ("prometheus", "jobs-controller") in found
    assert {source for source, target in found if target == "jobs-migration"} <= {"jobs-migration"}


def test_who_gets_out_and_nobody_to_the_metadata_service_or_into_private_networks(
    probes: Probes,
) -> None:
    inside = [*named(TIER), *named(JOBS)]
    calls = list(itertools.product(inside, BEYOND))
    assert probes.open(calls) == {
        ("decode", STORE),
        ("postprocess", STORE),
        ("jobs-api", STORE),
        ("jobs-api", DATABASE),
        ("jobs-controller", STORE),
        ("jobs-controller", DATABASE),
        ("jobs-migration", DATABASE),
    }


def pairs(probes: Probes) -> list[tuple[str, str]]:
    """Each pod with the address of each other one."""
    both = itertools.permutations(probes.pods, 2)
    return [(source, address(probes.pods[target])) for source, target in both]


def until_denied(probes: Probes, call: tuple[str, str]) -> None:
    """Wait until the firewall has taken up its work."""
    latest = time.monotonic() + SETTLED_S
    while probes.open([call]):
        assert time.monotonic() < latest, "no policy is enforced"
        time.sleep(0.5)


def name(release: str, component: str) -> str:
    return component if release == TIER else f"jobs-{component}"


def named(release: str) -> list[str]:
    """The pods of a release."""
    return [name(release, component) for component in COMPONENTS[release]]


def labels(release: str, component: str) -> dict[str, str]:
    """Those by which the charts' policies know a pod of the release."""
    return {
        "app.kubernetes.io/name": RELEASES[release][0],
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "podium",
    }


def rendered_policies(on: NodeCluster, release: str) -> list[Object]:
    """Those of a release, and of its hooks."""
    chart, *values = RELEASES[release]
    rendered = on.cluster.helm(
        "template", release, str(CHARTS / chart), f"--namespace={NAMESPACE}", *values
    )
    found = [each for each in yaml.safe_load_all(rendered) if each]
    return [each for each in found if each["kind"] == "NetworkPolicy"]
