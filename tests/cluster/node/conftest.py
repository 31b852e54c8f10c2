"""A cluster with one real node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import ControlPlane
from tests.cluster.node.machine import HOST_ADDRESS, Machine, why_not
from tests.cluster.node.node import NAME, Node


class NodeCluster(NamedTuple):
    """The cluster, its node, and the machine of the node."""

    cluster: Cluster
    node: Node
    machine: Machine


@pytest.fixture(scope="session")
def node_cluster(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeCluster]:
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("node")
    with (
        Machine(programs / "pause", folder) as machine,
        ControlPlane(programs, folder, address=HOST_ADDRESS) as control_plane,
        Node(programs, machine, control_plane, folder) as node,
    ):
        cluster = Cluster(control_plane.kubeconfig, programs, control_plane)
        cluster.kubectl("wait", f"node/{NAME}", "--for=create", "--timeout=120s")
        cluster.kubectl("wait", f"node/{NAME}", "--for=condition=Ready", "--timeout=120s")
        yield NodeCluster(cluster, node, machine)
