"""A real API server takes all objects of the charts and of ``k8s/``: schemas, CEL, admission."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, CommandFailed, Object
from tests.support.charts import (
    CHART,
    JOBS,
    JOBS_OPTIONS,
    OPTIONS,
    PLATFORM,
    ROOT,
    TIERS,
    objects,
    tier_file,
)
from tests.support.custom_resources import definitions

NAMESPACE = "podium-rendered"
NODE_CLASSES = ROOT / "k8s" / "karpenter" / "ec2nodeclasses.yaml"


@pytest.fixture(scope="module")
def defining(own: Cluster) -> Iterator[Cluster]:
    """The cluster with the custom resources of KEDA, Karpenter, the Gateway API and others."""
    added = list(definitions())
    own.apply(*added)
    names = [f"customresourcedefinition/{each['metadata']['name']}" for each in added]
    own.kubectl("wait", *names, "--for=condition=Established", "--timeout=60s")
    with own.namespace(NAMESPACE):
        yield own
    own.kubectl("delete", *names)


def accept(cluster: Cluster, *manifests: Object) -> None:
    """Nothing is stored; all that comes before storing is done."""
    everything = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    cluster.kubectl(
        "create", "--dry-run=server", "--validate=strict", f"--namespace={NAMESPACE}", "-f=-",
        stdin=everything,
    )  # fmt: skip


@pytest.mark.parametrize("options", [None, *OPTIONS], ids=lambda file: file and file.stem)
@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_is_taken(defining: Cluster, tier: str, options: Path | None) -> None:
    values = [f"--values={file}" for file in (tier_file(tier), options) if file]
    names = (f"rendered-{tier}", str(CHART), f"--namespace={NAMESPACE}")
    rendered = defining.helm("template", *names, "--kube-version=1.36.0", *values)
    accept(defining, *objects(rendered))


@pytest.mark.parametrize("options", JOBS_OPTIONS, ids=lambda file: file.stem)
def test_jobs_are_taken(defining: Cluster, options: Path) -> None:
    names = ("rendered-jobs", str(JOBS), f"--namespace={NAMESPACE}")
    rendered = defining.helm("template", *names, "--kube-version=1.36.0", f"--values={options}")
    accept(defining, *objects(rendered))


def test_node_pools_and_classes_are_taken(defining: Cluster) -> None:
    values = ("--set=karpenter.enabled=true,crds.install=false", f"--namespace={NAMESPACE}")
    rendered = objects(defining.helm("template", "rendered", str(PLATFORM), *values))
    pools = [each for each in rendered if each["kind"] == "NodePool"]
    assert len(pools) == 2
    accept(defining, *pools, *objects(NODE_CLASSES.read_text()))


def test_rules_of_their_makers_are_in_force(defining: Cluster) -> None:
    m5, _ = objects(NODE_CLASSES.read_text())
    m5["spec"]["instanceProfile"] = "another"
    with pytest.raises(CommandFailed, match="must specify exactly one of"):
        accept(defining, m5)


def test_alerts_are_taken(defining: Cluster) -> None:
    (alerts,) = objects((ROOT / "k8s" / "monitoring" / "alerts.yaml").read_text())
    del alerts["metadata"]["namespace"]
    accept(defining, alerts)
