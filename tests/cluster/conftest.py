"""The cluster of the tests, and Podium in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from podium.local.stack import Stack
from tests.cluster.cluster import Cluster, Object, own_cluster
from tests.cluster.gateways import NAMESPACE as GATEWAYS_NAMESPACE
from tests.cluster.gateways import Gateways, running, write_credentials
from tests.cluster.releases import CHARTS, CRD, Releases
from tests.support.charts import TIERS
from tests.support.cluster_programs import binaries
from tests.support.go_programs import NoGo

NAMESPACE = "podium-test"
GATEWAYS_RELEASE = "podium-club"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this takes minutes, and once as long again as a cold build takes."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> Path:
    """The folder with the programs of a cluster; a cold build says how long it takes."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            return binaries()
    except NoGo as error:
        pytest.skip(f"{error}; or set KUBECONFIG")


@pytest.fixture(scope="session")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """The cluster of ``KUBECONFIG``, or else one that is started for the tests."""
    if given := os.environ.get("KUBECONFIG"):
        yield Cluster(Path(given))
        return
    programs: Path = request.getfixturevalue("programs")
    with own_cluster(programs, tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def own(cluster: Cluster) -> Cluster:
    """The cluster, if nobody else uses it and its nodes are those of ``nodes.py``."""
    if cluster.control_plane is None:
        pytest.skip(
            "this fills, drains or restarts a cluster; it does so to no cluster but its own"
        )
    return cluster


@pytest.fixture(scope="session")
def releases(cluster: Cluster) -> Iterator[Releases]:
    """The platform and the three tiers, side by side in one namespace."""
    platform = ("podium-platform", "--namespace=default")
    cluster.helm("upgrade", "--install", *platform, str(CHARTS / "podium-platform"))
    with cluster.namespace(NAMESPACE):
        releases = Releases(cluster, NAMESPACE)
        for tier in TIERS:
            releases.upgrade(tier)
        yield releases
        for tier in TIERS:
            releases.uninstall(tier)
    cluster.helm("uninstall", *platform, "--wait")


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace with the service account and the rights that the chart gives a gateway."""
    document: Object = yaml.safe_load(CRD.read_text())
    name = document["metadata"]["name"]
    mine = not cluster.kubectl("get", "crd", name, "--ignore-not-found")
    if mine:
        cluster.apply(document)
    cluster.kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=30s")
    with cluster.namespace(GATEWAYS_NAMESPACE) as namespace:
        rendered = cluster.helm(
            "template",
            GATEWAYS_RELEASE,
            str(CHARTS / "podium"),
            f"--namespace={namespace}",
            "--show-only=templates/serviceaccounts.yaml",
        )
        for each in yaml.safe_load_all(rendered):
            if each and each["metadata"]["name"] == f"{GATEWAYS_RELEASE}-gateway":
                cluster.apply(each)
        yield namespace
    if mine:
        cluster.kubectl("delete", "crd", name, "--timeout=60s")


@pytest.fixture(scope="module")
def service_account(
    cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder that the kubelet mounts into a pod of the gateway."""
    folder = tmp_path_factory.mktemp("serviceaccount")
    write_credentials(cluster, f"{GATEWAYS_RELEASE}-gateway", folder)
    return folder


@pytest.fixture(scope="module")
def gateways(cluster: Cluster, service_account: Path, stack: Stack) -> Iterator[Gateways]:
    """Three gateways, which take the replicas of the postprocess stage from EndpointSlices."""
    slices = {"PODIUM_GATEWAY_POSTPROCESS_URL": "kubernetes://postprocess:8005"}
    with running(cluster, service_account, stack, 3, **slices) as gateways:
        yield gateways
