"""The cluster of the tests, and Podium in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.binaries import binaries
from tests.cluster.cluster import Cluster, own_cluster
from tests.cluster.releases import CHARTS, TIERS, Releases
from tests.go_programs import NoGo

NAMESPACE = "podium-test"


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
